import {
  celFunc,
  type CelFunc,
  type CelInput,
  type CelList,
  CelScalar,
  type CelValue,
  isCelList,
  isCelMap,
  isCelUint,
  listType,
} from '@bufbuild/cel';

const { BOOL, DYN } = CelScalar;

/** A number of any of CEL's three kinds, or undefined. Integers beyond 2^53 lose precision, which an order tolerates. */
function asNumber(value: CelValue): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  return isCelUint(value) ? Number(value.value) : undefined;
}

/** Compares what can be compared: numbers with numbers, text with text. Undefined for all else. */
function order(left: CelValue, right: CelValue): number | undefined {
  if (typeof left === 'string' && typeof right === 'string') return left < right ? -1 : Number(left > right);
  const [leftNumber, rightNumber] = [asNumber(left), asNumber(right)];
  if (leftNumber === undefined || rightNumber === undefined) return undefined;
  return leftNumber - rightNumber;
}

/** The value at a path of keys within maps, or undefined as soon as something on the way is missing. */
function valueAt(root: CelValue, path: CelList): CelValue | undefined {
  let value: CelValue | undefined = root;
  for (const key of path) {
    if (!isCelMap(value) || typeof key !== 'string') return undefined;
    value = value.get(key);
  }
  return value;
}

function isLess(left: CelValue, right: CelValue): boolean {
  const sign = order(left, right);
  return sign !== undefined && sign < 0;
}

function isLessOrEqual(left: CelValue, right: CelValue): boolean {
  const sign = order(left, right);
  return sign !== undefined && sign <= 0;
}

function startsWithText(text: CelValue, start: CelValue): boolean {
  return typeof text === 'string' && typeof start === 'string' && text.startsWith(start);
}

function endsWithText(text: CelValue, end: CelValue): boolean {
  return typeof text === 'string' && typeof end === 'string' && text.endsWith(end);
}

function containsText(text: CelValue, part: CelValue): boolean {
  return typeof text === 'string' && typeof part === 'string' && text.includes(part);
}

function fieldAt(root: CelValue, path: CelList): CelInput {
  return valueAt(root, path) ?? null;
}

/**
 * Functions that are defined for every pair of values: structured conditions compile to them, and expressions may call
 * them too. Where CEL's own `<` fails for text and a number, `isLess` is false.
 */
export const comparisonFunctions: readonly CelFunc[] = [
  celFunc('hasField', [DYN, listType(DYN)], BOOL, (root, path) => valueAt(root, path) !== undefined),
  celFunc('fieldAt', [DYN, listType(DYN)], DYN, fieldAt),
  celFunc('isLess', [DYN, DYN], BOOL, isLess),
  celFunc('isLessOrEqual', [DYN, DYN], BOOL, isLessOrEqual),
  celFunc('startsWithText', [DYN, DYN], BOOL, startsWithText),
  celFunc('endsWithText', [DYN, DYN], BOOL, endsWithText),
  celFunc('containsText', [DYN, DYN], BOOL, containsText),
  celFunc('isList', [DYN], BOOL, isCelList),
  celFunc('isText', [DYN], BOOL, (value) => typeof value === 'string'),
];
