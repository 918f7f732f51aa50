import fc from 'fast-check';
import { type JsonValue, renderTemplate, templateExpressions } from './index.js';

const variables = { input: { n: 5, name: 'Ada', list: [1, 2], nothing: null }, steps: { train: { output: { accuracy: 0.97 } } } };

describe('renderTemplate', () => {
  it('keeps the type of a value where a string is only an expression', () => {
    const template = {
      n: '${input.n}',
      list: '${ input.list }',
      deep: ['${steps.train.output}'],
      nothing: '${input.nothing}',
      kept: [true, null, 1.5],
    };
    expect(renderTemplate(template, variables)).toEqual({
      n: 5,
      list: [1, 2],
      deep: [{ accuracy: 0.97 }],
      nothing: null,
      kept: [true, null, 1.5],
    });
  });

  it('writes values into text: null as nothing, lists and objects as JSON', () => {
    expect(renderTemplate('${input.name} has ${input.list}${input.nothing} of ${input.n > 3}', variables)).toBe('Ada has [1,2] of true');
  });

  it('takes $${ for the characters themselves', () => {
    expect(renderTemplate('cost: $${input.n} $5 ${input.n}$', variables)).toBe('cost: ${input.n} $5 5$');
    expect(renderTemplate('$${', {})).toBe('${');
  });

  it('finds the end of an expression that has braces and quotes of its own', () => {
    expect(renderTemplate(`\${ {"a}": '}', 'b\\'}': {"c": 1}} }!`, {})).toBe(`{"a}":"}","b'}":{"c":1}}!`);
  });

  it('leaves text and keys without expressions as they are', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const template: JsonValue = JSON.parse(JSON.stringify(value).replaceAll('$', 'S'));
        expect(renderTemplate(template, variables)).toEqual(template);
      }),
    );
    expect(renderTemplate({ '${input.n}': 1 }, variables)).toEqual({ '${input.n}': 1 });
  });

  it('gives back any value put in by an expression', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (given) => {
        const value: JsonValue = JSON.parse(JSON.stringify(given));
        expect(renderTemplate({ a: ['${value}'] }, { value })).toEqual({ a: [value] });
      }),
    );
  });

  it('does not read expressions in values that it puts in', () => {
    expect(renderTemplate('${input}', { input: '${secret}' })).toBe('${secret}');
  });

  it.each(['${input.n', 'text ${"}"'])('refuses %s, which is not closed', (template) => {
    expect(() => renderTemplate(template, variables)).toThrow(`'\${' is not closed by '}'`);
  });

  it('refuses a template too deep, and one whose result is too large', () => {
    const deep = Array.from({ length: 70 }).reduce<JsonValue>((inner) => [inner], 'x');
    expect(() => renderTemplate(deep, {})).toThrow('nests deeper than the 64 levels');
    const many = Array.from({ length: 300 }, () => '${items}');
    expect(() => renderTemplate(many, { items: Array.from({ length: 1000 }, (_, index) => index) })).toThrow(
      'takes more than the 200000 steps',
    );
  });
});

describe('templateExpressions', () => {
  it('lists each expression with its place', () => {
    expect(templateExpressions({ a: ['x', '${one} and ${ two }'], b: { c: '${three}' } })).toEqual([
      { path: '.a[1]', source: 'one' },
      { path: '.a[1]', source: ' two ' },
      { path: '.b.c', source: 'three' },
    ]);
    expect(templateExpressions('${top}')).toEqual([{ path: '', source: 'top' }]);
  });
});
