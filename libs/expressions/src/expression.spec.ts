import { InvalidArgument } from '@q2/errors';
import fc from 'fast-check';
import { compileExpression, evaluateCondition, type JsonObject, type JsonValue, referencedVariables } from './index.js';

const evaluate = (source: string, variables: JsonObject = {}) => compileExpression(source).evaluate(variables);

/** The reason of the error that `work` throws, with its message where asked. */
function reasonOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof Error && 'reason' in error) return String(error.reason);
    throw error;
  }
  return 'nothing was thrown';
}

const json = fc.jsonValue({ maxDepth: 4, noUnicodeString: false }).map((value): JsonValue => JSON.parse(JSON.stringify(value)));

describe('compileExpression', () => {
  it('evaluates arithmetic, text and fields', () => {
    expect(evaluate('input.price * input.count + 1', { input: { price: 3, count: 4 } })).toBe(13);
    expect(evaluate('"Hello, " + input.name.trim().upperAscii()', { input: { name: ' ada ' } })).toBe('Hello, ADA');
    expect(
      evaluate('input.tags.filter(tag, tag.startsWith("m")).map(tag, tag + "!")', { input: { tags: ['ml', 'web', 'mlops'] } }),
    ).toEqual(['ml!', 'mlops!']);
    expect(evaluate('{"a": [1, 2.5], "b": null}')).toEqual({ a: [1, 2.5], b: null });
  });

  it('returns any JSON value that it is given as it was', () => {
    fc.assert(
      fc.property(json, (value) => {
        // Integers that a double cannot hold exactly can't come from JSON either; -0 has no sign in JSON.
        expect(evaluate('value', { value })).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('gives the same value however often it is asked', () => {
    const expression = compileExpression('[value, value].map(v, {"v": v})');
    fc.assert(fc.property(json, (value) => expect(expression.evaluate({ value })).toEqual(expression.evaluate({ value }))));
  });

  it('mixes integers and fractions in arithmetic, as JSON does not tell 1.0 from 1', () => {
    expect(evaluate('[1 + 0.5, 0.5 + 1, 1 - 0.5, 0.5 - 1, 2 * 0.5, 0.5 * 2, 1 / 0.5, 0.5 / 2]')).toEqual([
      1.5, 1.5, 0.5, -0.5, 1, 1, 2, 0.25,
    ]);
    expect(evaluate('5 / 2')).toBe(2);
    expect(evaluate('big + 0.0', { big: 1e300 })).toBe(1e300);
  });

  it('writes timestamps, durations, bytes and unsigned numbers as JSON', () => {
    expect(evaluate('timestamp("2026-01-01T00:00:00Z") + duration("90s")')).toBe('2026-01-01T00:01:30Z');
    expect(evaluate('duration("1.5s")')).toBe('1.500s');
    expect(evaluate('b"abc"')).toBe('YWJj');
    expect(evaluate('{1: 3u, 2u: "two", true: 1}')).toEqual({ '1': 3, '2': 'two', true: 1 });
  });

  it.each(['1.0 / 0.0', '9007199254740993', '18446744073709551615u', 'int'])('refuses to give %s, which JSON cannot hold', (source) => {
    expect(reasonOf(() => evaluate(source))).toBe('EXPRESSION_VALUE_NOT_JSON');
  });

  it('tells has from in where a field is null', () => {
    const variables = { input: { empty: null } };
    expect(evaluate('[has(input.empty), "empty" in input, "other" in input, input.empty == null]', variables)).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });

  it('fails on a missing field, and names variables that are not defined', () => {
    expect(() => evaluate('input.missing', { input: {} })).toThrow("'input.missing' cannot be evaluated: field not found: missing");
    expect(() => evaluate('other.field', { input: {} })).toThrow('not defined here: other');
    expect(() => evaluate(`missing == "${'x'.repeat(300)}"`)).toThrow(/^'missing == "x{188}…' cannot/);
  });

  it.each(['constructor', '__proto__', 'toString', 'input.constructor', 'input.__proto__', 'input["toString"]'])(
    'reaches nothing by %s',
    (source) => {
      expect(reasonOf(() => evaluate(source, { input: {} }))).toBe('EXPRESSION_FAILED');
    },
  );

  it.each([
    ['1 +', 'is not a CEL expression'],
    ['"\\ud800"', 'is not a CEL expression'],
    ['system("ls")', 'calls system, which does not exist'],
    ['"a".replace("a", "b")', 'calls replace, which does not exist'],
    ['google.protobuf.Struct{}', 'cannot make a google.protobuf.Struct'],
    ['x'.repeat(5000), 'has 5000 characters, at most 4096'],
    [`${'['.repeat(200)}1${']'.repeat(200)}`, 'nests deeper than the 128 levels'],
  ])('refuses %s', (source, description) => {
    expect(() => compileExpression(source)).toThrow(InvalidArgument);
    expect(() => compileExpression(source)).toThrow(description);
  });

  it('lists the constant paths that it reads, and no variables of its own', () => {
    const { references } = compileExpression(
      'steps.a.output[k].n + steps["b-c"].output + items.map(i, i + k)[0] + (has(m.n) ? {k2: 1}[k2] : type(int(x)) == int ? 0 : 1)',
    );
    expect(references).toEqual([
      ['steps', 'a', 'output'],
      ['k'],
      ['steps', 'b-c', 'output'],
      ['items'],
      ['k'],
      ['m', 'n'],
      ['k2'],
      ['k2'],
      ['x'],
    ]);
    expect(referencedVariables('a.b + a.c + d')).toEqual(['a', 'd']);
  });
});

describe('evaluateCondition', () => {
  it('gives the boolean of source or of a compiled expression', () => {
    expect(evaluateCondition('input.n > 1', { input: { n: 2 } })).toBe(true);
    expect(evaluateCondition(compileExpression('input.n > 1'), { input: { n: 0.5 } })).toBe(false);
  });

  it.each([
    ['null', 'null'],
    ['[true]', 'a list'],
    ['"true"', 'a string'],
    ['1', 'a number'],
  ])('refuses %s', (source, kind) => {
    expect(() => evaluateCondition(source, {})).toThrow(`gives ${kind} where true or false is needed`);
  });
});

describe('a hostile expression', () => {
  const items = Array.from({ length: 100_000 }, (_, index) => index);
  const text = 'a'.repeat(100_000);

  it.each([
    ['loops within loops', 'items.exists(a, items.exists(b, items.exists(c, false)))'],
    ['loops that never fail', 'items.all(a, items.all(b, true))'],
    ['inner loops that end at once, over a list that is long', 'items.all(a, items.exists(b, true))'],
    ['loops that swallow errors', 'items.exists(a, items.exists(b, 1/0 == b)) || true'],
    ['text that doubles', '[text].map(a, [a+a].map(b, [b+b].map(c, [c+c].map(d, [d+d].map(e, e+e+e+e)))))'],
    ['lists that double', '[items].map(a, [a+a].map(b, [b+b].map(c, [c+c].map(d, [d+d].map(e, (e+e).size())))))'],
    ['a list of long texts, joined', '[text, text, text, text, text].map(a, [a, a, a, a, a].join(",")).join(",").size()'],
    ['comparing long lists again and again', 'items.all(a, items == items)'],
    ['a map searched as a list', 'items.all(a, {"items": items} == {"items": items})'],
    [
      'text searched for a pattern made of the text',
      'text.substring(0, 500).matches(text.substring(0, 400)) && items.all(a, text.matches("(a|b)*c") == false)',
    ],
    ['a result that is larger than its parts', '[0,1,2,3,4,5,6,7,8,9].map(a, [0,1,2,3,4,5,6,7,8,9].map(b, items))'],
  ])('ends: %s', (_, source) => {
    expect(reasonOf(() => evaluate(source, { items, text }))).toBe('EXPRESSION_TOO_EXPENSIVE');
  });

  it('is told apart from one that is large but fair', () => {
    expect(evaluate('items.filter(a, a % 2 == 0).size()', { items: items.slice(0, 20_000) })).toBe(10_000);
    expect(evaluate('size(items) + size({"items": items})', { items })).toBe(100_001);
    expect(evaluate('99999 in items', { items })).toBe(true);
  });

  it('cannot use patterns that take more than linear time or that are huge', () => {
    expect(evaluate('text.matches("^(a+)+$b")', { text: text.slice(0, 10_000) })).toBe(false);
    expect(() => evaluate('"a".matches("(a{1000}){1000}")')).toThrow('invalid repeat count');
    expect(() => evaluate('"a".matches(text)', { text: text.slice(0, 600) })).toThrow('at most 512 characters');
  });

  it('of any tokens ends in a value or a refusal', () => {
    const token = fc.constantFrom(
      'a',
      '.b',
      '[0]',
      '(',
      ')',
      '[',
      ']',
      '{',
      '}',
      '"s"',
      '1',
      '2.5',
      '+',
      '-',
      '*',
      '/',
      '?',
      ':',
      '&&',
      '||',
      '!',
      ',',
      '.map(x,',
      '.all(y,',
      '.size()',
      ' in ',
      'null',
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 25 }), (tokens) => {
        const outcome = reasonOf(() => evaluate(tokens.join(''), { a: { b: [1, 'x'] } }));
        expect(outcome).toMatch(/^(nothing was thrown|INVALID_FIELDS|EXPRESSION_\w+)$/);
      }),
      { numRuns: 500 },
    );
  });
});
