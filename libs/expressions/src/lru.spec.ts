import { currentBudget } from './budget.js';
import { Lru } from './lru.js';

describe('Lru', () => {
  it('forgets the key unused for longest', () => {
    const made: string[] = [];
    const lru = new Lru<string>(2, (key) => {
      made.push(key);
      return key.toUpperCase();
    });
    expect(['a', 'b', 'a', 'c', 'a', 'b'].map((key) => lru.get(key))).toEqual(['A', 'B', 'A', 'C', 'A', 'B']);
    expect(made).toEqual(['a', 'b', 'c', 'b']);
  });
});

describe('currentBudget', () => {
  it('exists only while something is evaluated', () => {
    expect(() => currentBudget()).toThrow('no evaluation is under way');
  });
});
