import type { parse } from '@bufbuild/cel';
import { InvalidArgument } from '@q2/errors';
import { comprehensionFunctions, environment } from './environment.js';
import { maxTreeDepth, maxTreeNodes } from './limits.js';

/** A node of a parsed expression. */
export type Node = ReturnType<typeof parse>['expr'];

type Comprehension = Extract<Node['exprKind'], { case: 'comprehensionExpr' }>['value'];

/** Keys from a variable down, as far as the expression states them: `steps.train.output.accuracy`. */
export type Reference = readonly string[];

/** Operators that the planner knows by itself, and that have no function. */
const plannedOperators = new Set(['_&&_', '_||_', '_?_:_', '_[_]', '@not_strictly_false']);

/** Names of types, which look like variables. */
const typeNames = new Set(['bool', 'bytes', 'double', 'int', 'list', 'map', 'null_type', 'string', 'type', 'uint']);

/** The refusal of a source, as a field violation of `expression`. */
export function refuse(description: string): InvalidArgument {
  return InvalidArgument.field('expression', description);
}

/**
 * Checks a parsed expression, makes each of its comprehensions count its rounds (in place), and lists the variables that it
 * reads.
 *
 * @throws {InvalidArgument} naming what is too deep, too large, unknown or not supported
 */
export function boundTree(root: Node): readonly Reference[] {
  const visitor = new TreeVisitor();
  visitor.visit(root, { depth: 1, bound: new Set() });
  return visitor.references;
}

interface Position {
  readonly depth: number;
  /** Variables of the comprehensions around. */
  readonly bound: ReadonlySet<string>;
}

class TreeVisitor {
  readonly references: Reference[] = [];
  private nodes = 0;

  visit(node: Node | undefined, { depth, bound }: Position): void {
    if (node === undefined) return;
    this.nodes += 1;
    if (depth > maxTreeDepth) throw refuse(`nests deeper than the ${maxTreeDepth} levels allowed`);
    if (this.nodes > maxTreeNodes) throw refuse(`has more than the ${maxTreeNodes} parts allowed`);
    const reference = referenceOf(node);
    if (reference === undefined) this.visitParts(node, { depth: depth + 1, bound });
    else this.note(reference, bound);
  }

  private note(reference: Reference, bound: ReadonlySet<string>): void {
    const [root] = reference;
    if (root !== undefined && !bound.has(root) && !typeNames.has(root)) this.references.push(reference);
  }

  private visitParts(node: Node, position: Position): void {
    const kind = node.exprKind;
    if (kind.case === 'comprehensionExpr') return this.visitComprehension(kind.value, position);
    if (kind.case === 'callExpr') checkFunction(kind.value.function);
    if (kind.case === 'structExpr' && kind.value.messageName !== '') throw refuse(`cannot make a ${kind.value.messageName}`);
    for (const part of partsOf(node)) this.visit(part, position);
  }

  private visitComprehension(fold: Comprehension, position: Position): void {
    const inner = { depth: position.depth, bound: new Set([...position.bound, fold.iterVar, fold.accuVar]) };
    for (const part of [fold.iterRange, fold.accuInit]) this.visit(part, position);
    for (const part of [fold.loopCondition, fold.loopStep, fold.result]) this.visit(part, inner);
    boundFold(fold);
  }
}

function checkFunction(name: string): void {
  if (plannedOperators.has(name) || environment.funcs.find(name) !== undefined) return;
  throw refuse(`calls ${name}, which does not exist`);
}

function partsOf({ exprKind: kind }: Node): readonly (Node | undefined)[] {
  switch (kind.case) {
    case 'selectExpr':
      return [kind.value.operand];
    case 'callExpr':
      return [kind.value.target, ...kind.value.args];
    case 'listExpr':
      return kind.value.elements;
    case 'structExpr':
      return kind.value.entries.flatMap(({ keyKind, value }) => [keyKind.case === 'mapKey' ? keyKind.value : undefined, value]);
    default:
      return [];
  }
}

/** The keys of a chain of selections with constant keys that starts at a name; undefined for all else. */
function referenceOf({ exprKind: kind }: Node): Reference | undefined {
  if (kind.case === 'identExpr') return [kind.value.name];
  if (kind.case === 'selectExpr') return extend(kind.value.operand, kind.value.field);
  if (kind.case !== 'callExpr' || kind.value.function !== '_[_]') return undefined;
  const [operand, index] = kind.value.args;
  return extend(operand, textConstant(index));
}

function extend(operand: Node | undefined, key: string | undefined): Reference | undefined {
  const base = operand === undefined ? undefined : referenceOf(operand);
  return base === undefined || key === undefined ? undefined : [...base, key];
}

function textConstant(node: Node | undefined): string | undefined {
  if (node?.exprKind.case !== 'constExpr') return undefined;
  const { constantKind } = node.exprKind.value;
  return constantKind.case === 'stringValue' ? constantKind.value : undefined;
}

/** Makes a comprehension pay for its range and its rounds, and build its list, if it builds one, in place. */
function boundFold(fold: Comprehension): void {
  if (fold.iterRange !== undefined) fold.iterRange = call(comprehensionFunctions.range, [fold.iterRange]);
  if (fold.loopCondition !== undefined) fold.loopCondition = call(comprehensionFunctions.tick, [fold.loopCondition]);
  if (fold.accuInit?.exprKind.case !== 'listExpr' || fold.loopStep === undefined) return;
  fold.accuInit = call(comprehensionFunctions.newList, []);
  fold.loopStep = appending(fold.loopStep);
}

/** The step of `map` is `accu + [element]`, that of `filter` is `condition ? accu + [element] : accu`. */
function appending(step: Node): Node {
  if (step.exprKind.case !== 'callExpr') return step;
  const { function: name, args } = step.exprKind.value;
  const [first, second, third] = args;
  if (name === '_?_:_' && first !== undefined && second !== undefined && third !== undefined) {
    return call(name, [first, appending(second), third]);
  }
  if (first === undefined || second?.exprKind.case !== 'listExpr') return step;
  return call(comprehensionFunctions.append, [first, ...second.exprKind.value.elements]);
}

function call(name: string, args: Node[]): Node {
  const id = args[0]?.id ?? 0n;
  return {
    $typeName: 'cel.expr.Expr',
    id,
    exprKind: { case: 'callExpr', value: { $typeName: 'cel.expr.Expr.Call', function: name, args } },
  };
}
