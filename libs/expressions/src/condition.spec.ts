import fc from 'fast-check';
import { type Comparison, compileCondition, type Condition, type JsonObject, type JsonValue, type Operator } from './index.js';

const holds = (condition: Condition, variables: JsonObject) => compileCondition(condition).holds(variables);
const operators: readonly Operator[] = [
  'equals',
  'not_equals',
  'greater',
  'greater_or_equal',
  'less',
  'less_or_equal',
  'in',
  'not_in',
  'contains',
  'starts_with',
  'ends_with',
  'matches',
  'exists',
  'is_null',
  'between',
];

/** A value that the operator accepts to compare with. */
function valueFor(operator: Operator): fc.Arbitrary<JsonValue | undefined> {
  const scalar: fc.Arbitrary<JsonValue> = fc.oneof(
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string(),
    fc.boolean(),
    fc.constant(null),
  );
  if (operator === 'exists' || operator === 'is_null') return fc.constant(undefined);
  if (operator === 'in' || operator === 'not_in') return fc.array(scalar, { maxLength: 4 });
  if (operator === 'between') return fc.tuple(scalar, scalar);
  if (operator === 'matches') return fc.constant('^a+');
  if (operator === 'starts_with' || operator === 'ends_with') return fc.string();
  return scalar;
}

const comparison = fc
  .constantFrom(...operators)
  .chain((operator) =>
    valueFor(operator).map((value): Comparison => ({ field: 'a.b', operator, ...(value === undefined ? {} : { value }) })),
  );
const variables = fc.oneof(
  fc.constant<JsonObject>({}),
  fc.constant<JsonObject>({ a: 1 }),
  fc.jsonValue().map((value): JsonObject => ({ a: { b: JSON.parse(JSON.stringify(value)) } })),
);

describe('compileCondition', () => {
  it.each<[Operator, JsonValue | undefined, JsonValue, boolean]>([
    ['equals', 1, 1, true],
    ['equals', 1, 1.5, false],
    ['equals', '1', 1, false],
    ['equals', null, null, true],
    ['equals', { k: [1] }, { k: [1] }, true],
    ['not_equals', 'x', 'y', true],
    ['not_equals', 'x', 'x', false],
    ['not_equals', 'x', 1, true],
    ['greater', 1, 2, true],
    ['greater', 2.5, 2.5, false],
    ['greater', 'a', 'b', true],
    ['greater', 1, '2', false],
    ['greater_or_equal', 2.5, 2.5, true],
    ['less', 1e21, 5, true],
    ['less', 5, null, false],
    ['less', 'b', 'a', true],
    ['less_or_equal', 'a', 'a', true],
    ['in', ['DE', 'FR', 3], 'FR', true],
    ['in', [], 'FR', false],
    ['not_in', ['DE'], 'FR', true],
    ['not_in', ['DE'], 'DE', false],
    ['contains', 'da', 'Adams', true],
    ['contains', 1, 'Adams', false],
    ['contains', 2, [1, 2], true],
    ['contains', 3, [1, 2], false],
    ['contains', 'x', 7, false],
    ['starts_with', 'Ad', 'Adams', true],
    ['starts_with', 'Ad', 5, false],
    ['ends_with', 'ms', 'Adams', true],
    ['ends_with', 'ms', ['ms'], false],
    ['matches', 'a.a', 'xadam', true],
    ['matches', '^a', 5, false],
    ['exists', undefined, null, true],
    ['is_null', undefined, null, true],
    ['is_null', undefined, 0, false],
    ['between', [1, 3], 3, true],
    ['between', [1, 3], 3.1, false],
    ['between', ['a', 'c'], 'b', true],
    ['between', [1, 3], 'b', false],
  ])('%s %j of %j is %s', (operator, value, field, expected) => {
    expect(holds({ field: 'f', operator, ...(value === undefined ? {} : { value }) }, { f: field })).toBe(expected);
  });

  it('is defined for every field and value, missing ones and mixed types included', () => {
    fc.assert(
      fc.property(comparison, variables, (condition, given) => expect(typeof holds(condition, given)).toBe('boolean')),
      { numRuns: 500 },
    );
  });

  it('is false for a missing field, save not_equals and not_in', () => {
    fc.assert(
      fc.property(comparison, (condition) => {
        const isOpposite = condition.operator === 'not_equals' || condition.operator === 'not_in';
        expect(holds(condition, { other: 1 })).toBe(isOpposite);
      }),
    );
  });

  it('joins groups as logic does, nested at will', () => {
    const yes: Condition = { field: 'n', operator: 'equals', value: 1 };
    const no: Condition = { field: 'n', operator: 'equals', value: 2 };
    const tree = fc.letrec<{ node: { condition: Condition; expected: boolean } }>((tie) => ({
      node: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.constant({ condition: yes, expected: true }),
        fc.constant({ condition: no, expected: false }),
        fc.constant({ condition: { expression: 'n > 0 || false' } as const, expected: true }),
        tie('node').map(({ condition, expected }) => ({ condition: { not: condition }, expected: !expected })),
        fc
          .array(tie('node'), { minLength: 1, maxLength: 3 })
          .map((nodes) => ({ condition: { all: nodes.map((node) => node.condition) }, expected: nodes.every((node) => node.expected) })),
        fc
          .array(tie('node'), { minLength: 1, maxLength: 3 })
          .map((nodes) => ({ condition: { any: nodes.map((node) => node.condition) }, expected: nodes.some((node) => node.expected) })),
      ),
    })).node;
    fc.assert(fc.property(tree, ({ condition, expected }) => expect(holds(condition, { n: 1 })).toBe(expected)));
  });

  it('says what it reads', () => {
    expect(
      compileCondition({ all: [{ field: 'steps.a.output', operator: 'exists' }, { not: { expression: 'input.n > 1' } }] }).references,
    ).toEqual([
      ['steps', 'a', 'output'],
      ['input', 'n'],
    ]);
  });

  it.each<[Condition, string]>([
    [{ all: [{ any: [] }] }, 'all[0].any: needs at least one condition'],
    [{ all: [{ expression: '1 +' }] }, "all[0].expression: '1 +' is not a CEL expression"],
    [{ not: { field: 'a..b', operator: 'exists' } }, 'not.field: must be names joined by dots'],
    [{ field: 'a', operator: 'exists', value: 1 }, 'value: must be absent'],
    [{ field: 'a', operator: 'equals' }, 'value: is needed'],
    [{ field: 'a', operator: 'in', value: 'x' }, 'value: must be a list'],
    [{ field: 'a', operator: 'between', value: [1] }, 'value: must be a list of two'],
    [{ field: 'a', operator: 'starts_with', value: 1 }, 'value: must be text'],
    [{ field: 'a', operator: 'matches', value: 1 }, 'value: must be text'],
    [{ field: 'a', operator: 'matches', value: '(' }, 'value: must be a regular expression'],
    [{ field: 'a', operator: 'equals', value: 'x'.repeat(40_000) }, 'is too large'],
  ])('refuses %j', (condition, message) => {
    expect(() => compileCondition(condition)).toThrow(message);
  });

  it('refuses a condition too deep', () => {
    const deep = Array.from({ length: 70 }).reduce<Condition>((inner) => ({ not: inner }), { expression: 'true' });
    expect(() => compileCondition(deep)).toThrow('nests deeper than the 64 levels');
  });

  it('fails where an expression within it fails, as that is not a comparison', () => {
    expect(() => holds({ any: [{ field: 'a', operator: 'exists' }, { expression: 'a.b.c' }] }, {})).toThrow('cannot be evaluated');
  });
});
