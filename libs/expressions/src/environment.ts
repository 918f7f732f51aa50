import {
  type CelEnv,
  celEnv,
  celFunc,
  type CelFunc,
  type CelInput,
  celList,
  type CelList,
  CelScalar,
  type CelValue,
  isCelList,
  isCelMap,
  listType,
  mapType,
} from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { currentBudget } from './budget.js';
import { comparisonFunctions } from './comparisons.js';
import { compilePattern } from './pattern.js';

const { BOOL, DOUBLE, DYN, INT, STRING } = CelScalar;
const LIST = listType(DYN);
const MAP = mapType(STRING, DYN);

/** What comprehensions call once their tree is bounded. No source can contain these names. */
export const comprehensionFunctions = {
  /** Wraps the condition of each round, to count it. */
  tick: '@tick',
  /** Wraps the list or map that is gone through, to pay for its size. */
  range: '@range',
  /** Makes the list that `map` and `filter` build. */
  newList: '@newList',
  /** Adds an element to it. */
  append: '@append',
} as const;

/** The string functions whose result is no longer than what they are given, give or take a constant factor. */
const linearStringFunctions = new Set([
  'charAt',
  'indexOf',
  'join',
  'lastIndexOf',
  'lowerAscii',
  'split',
  'substring',
  'trim',
  'upperAscii',
]);

const operators: readonly (readonly [string, (left: number, right: number) => number])[] = [
  ['_+_', (left, right) => left + right],
  ['_-_', (left, right) => left - right],
  ['_*_', (left, right) => left * right],
  ['_/_', (left, right) => left / right],
];

/** Arithmetic of an integer and a fraction: JSON does not tell 1.0 from 1, so an expression must not fail on the difference. */
const mixedArithmetic: readonly CelFunc[] = operators.flatMap(([operator, apply]) => [
  celFunc(operator, [INT, DOUBLE], DOUBLE, (left, right) => apply(Number(left), right)),
  celFunc(operator, [DOUBLE, INT], DOUBLE, (left, right) => apply(left, Number(right))),
]);

/** Joins two lists into a new one, paid for by its size. */
function concat(left: CelList, right: CelList): CelList {
  currentBudget().spend((left.size + right.size) / 8);
  const elements: CelInput[] = [...left, ...right];
  return celList(elements);
}

/** The elements of lists that a comprehension is still building. */
const growing = new WeakMap<CelList, CelInput[]>();

function newList(): CelList {
  const elements: CelInput[] = [];
  const list = celList(elements);
  growing.set(list, elements);
  return list;
}

/** Appends in place: only the comprehension that builds the list can see it, so its rounds cost the same, first and last. */
function append(list: CelList, element: CelValue): CelList {
  growing.get(list)?.push(element);
  return list;
}

const { tick, range, newList: newListName, append: appendName } = comprehensionFunctions;

/** Functions that take the same short time however large their arguments are, or that pay for themselves. */
const constantTime = new Set<string>([tick, range, newListName, appendName, 'hasField', 'fieldAt', 'isText', 'isList', 'type']);

function takesConstantTime(name: string, args: readonly CelValue[]): boolean {
  if (name === '_+_') return args.every(isCelList);
  if (name === 'size') return args.every((argument) => typeof argument !== 'string');
  return constantTime.has(name) || (name === '@in' && isCelMap(args[1]));
}

function spendCall(name: string, target: CelValue | undefined, args: readonly CelValue[]): void {
  const budget = currentBudget();
  budget.spend(1);
  if (takesConstantTime(name, args)) return;
  for (const value of target === undefined ? args : [target, ...args]) budget.spendValue(value);
  if (name === 'matches') budget.spend(matchingUnits(target, args[0]));
}

/** What is gone through is copied before the first round. */
function payForRange(value: CelValue): CelValue {
  if (isCelList(value) || isCelMap(value)) currentBudget().spend(value.size / 8);
  return value;
}

/** A match takes time by the product of both lengths. */
function matchingUnits(text: CelValue | undefined, pattern: CelValue | undefined): number {
  return typeof text === 'string' && typeof pattern === 'string' ? (text.length * pattern.length) / 32 : 0;
}

/**
 * What expressions may call: CEL's standard library, the linear part of its string extension, mixed arithmetic, and total
 * comparisons. Every call is paid for before it runs.
 */
function createEnvironment(): CelEnv {
  const env = celEnv({
    re2: { compile: compilePattern },
    funcs: [
      ...strings.filter((func) => linearStringFunctions.has(func.name)),
      ...mixedArithmetic,
      ...comparisonFunctions,
      celFunc('_+_', [LIST, LIST], LIST, concat),
      celFunc('@in', [STRING, MAP], BOOL, (key, map) => map.get(key) !== undefined),
      celFunc(tick, [DYN], BOOL, (value) => value === true),
      celFunc(range, [DYN], DYN, payForRange),
      celFunc(newListName, [], LIST, newList),
      celFunc(appendName, [LIST, DYN], LIST, append),
    ],
  });
  for (const name of new Set(Array.from(env.funcs, (func) => func.name))) meterGroup(env.funcs.find(name));
  return env;
}

/**
 * Makes every call of a function, whatever its overload, spend first. This wraps the group of overloads and not their
 * implementations: what those throw becomes an error value that `||` may absorb, what a group throws ends the evaluation.
 */
function meterGroup(group: Pick<CelFunc, 'name' | 'call'> | undefined): void {
  if (group === undefined) return;
  const call = group.call.bind(group);
  group.call = (id, target, args) => {
    spendCall(group.name, target, args);
    return call(id, target, args);
  };
}

/** The one environment of all expressions; it has no state of its own. */
export const environment: CelEnv = createEnvironment();
