import type { JsonValue } from './json.js';
import { compilePattern } from './pattern.js';

/** How one operator compares a field, in CEL. */
interface OperatorRule {
  /** What is wrong with the value that the field is compared with; undefined where nothing is. */
  readonly problem: (value: JsonValue | undefined) => string | undefined;
  /** CEL that is true where the field, which exists, compares so. Both operands are CEL too; `value` is empty where there is none. */
  readonly test: (field: string, value: string) => string;
  /** True for the opposite of another operator, which a missing field satisfies. */
  readonly isOpposite?: true;
}

const needsNone = (value: JsonValue | undefined) => (value === undefined ? undefined : 'must be absent with this operator');
const needsAny = (value: JsonValue | undefined) => (value === undefined ? 'is needed with this operator' : undefined);
const needsText = (value: JsonValue | undefined) => (typeof value === 'string' ? undefined : 'must be text with this operator');
const needsList = (value: JsonValue | undefined) => (Array.isArray(value) ? undefined : 'must be a list with this operator');
const needsPair = (value: JsonValue | undefined) =>
  Array.isArray(value) && value.length === 2 ? undefined : 'must be a list of two with this operator';

function needsPattern(value: JsonValue | undefined): string | undefined {
  if (typeof value !== 'string') return needsText(value);
  try {
    compilePattern(value);
    return undefined;
  } catch (error) {
    return `must be a regular expression of RE2's syntax: ${error instanceof Error ? error.message : String(error)}`;
  }
}

const isEqual = (field: string, value: string) => `${field} == ${value}`;
const isIn = (field: string, value: string) => `${field} in ${value}`;

/** All operators by their names. */
const operators = {
  equals: { problem: needsAny, test: isEqual },
  not_equals: { problem: needsAny, test: isEqual, isOpposite: true },
  greater: { problem: needsAny, test: (field, value) => `isLess(${value}, ${field})` },
  greater_or_equal: { problem: needsAny, test: (field, value) => `isLessOrEqual(${value}, ${field})` },
  less: { problem: needsAny, test: (field, value) => `isLess(${field}, ${value})` },
  less_or_equal: { problem: needsAny, test: (field, value) => `isLessOrEqual(${field}, ${value})` },
  in: { problem: needsList, test: isIn },
  not_in: { problem: needsList, test: isIn, isOpposite: true },
  contains: { problem: needsAny, test: (field, value) => `(containsText(${field}, ${value}) || isList(${field}) && ${value} in ${field})` },
  starts_with: { problem: needsText, test: (field, value) => `startsWithText(${field}, ${value})` },
  ends_with: { problem: needsText, test: (field, value) => `endsWithText(${field}, ${value})` },
  matches: { problem: needsPattern, test: (field, value) => `isText(${field}) && ${field}.matches(${value})` },
  exists: { problem: needsNone, test: () => 'true' },
  is_null: { problem: needsNone, test: (field) => `${field} == null` },
  between: { problem: needsPair, test: (field, value) => `isLessOrEqual(${value}[0], ${field}) && isLessOrEqual(${field}, ${value}[1])` },
} satisfies Record<string, OperatorRule>;

/** How a field is compared. */
export type Operator = keyof typeof operators;

/** The rule of an operator, with what it leaves out. */
export function operatorRule(operator: Operator): OperatorRule {
  return operators[operator];
}

/** A JSON value as CEL's source for it. */
export function literal(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([key, child]) => `${JSON.stringify(key)}: ${literal(child)}`)
      .join(', ')}}`;
  }
  // An integer too large for an int must not read as one.
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) return value.toExponential();
  return JSON.stringify(value);
}
