import { silenceNegativeTimeouts, withoutNegativeTimeouts } from './silence-negative-timeouts.js';

describe('withoutNegativeTimeouts', () => {
  const emitted: unknown[][] = [];
  const emit = withoutNegativeTimeouts((...args: unknown[]) => void emitted.push(args));
  // kafkajs is known by its name in the stack.
  const kafkajs = {
    kafkajs: (work: () => void) => {
      work();
    },
  };

  beforeEach(() => (emitted.length = 0));

  it('says nothing of a negative delay of kafkajs', () => {
    kafkajs.kafkajs(() => emit('-1 is a negative number.', 'TimeoutNegativeWarning'));
    expect(emitted).toEqual([]);
  });

  it('says everything else', () => {
    emit('-1 is a negative number.', 'TimeoutNegativeWarning');
    kafkajs.kafkajs(() => emit('old', 'DeprecationWarning'));
    expect(emitted).toEqual([
      ['-1 is a negative number.', 'TimeoutNegativeWarning'],
      ['old', 'DeprecationWarning'],
    ]);
  });
});

describe('silenceNegativeTimeouts', () => {
  it('wraps the process once', () => {
    const before = process.emitWarning;
    silenceNegativeTimeouts();
    const wrapped = process.emitWarning;
    silenceNegativeTimeouts();
    expect(wrapped).not.toBe(before);
    expect(process.emitWarning).toBe(wrapped);
    process.emitWarning = before;
  });
});
