import { type CelInput, type CelResult, isCelError, parse, plan } from '@bufbuild/cel';
import { FailedPrecondition } from '@q2/errors';
import { Budget, paidFrom } from './budget.js';
import { environment } from './environment.js';
import type { JsonObject, JsonValue } from './json.js';
import { cachedExpressions, maxConditionLength, maxSourceLength } from './limits.js';
import { Lru } from './lru.js';
import { boundTree, type Reference, refuse } from './tree.js';
import { celToJson, jsonToCel } from './values.js';

/** Name under which an expression sees all variables as one map; structured conditions use it to reach what may be missing. */
export const allVariables = '__all';

/** A compiled expression. It holds no state: evaluating it twice with the same variables gives the same value. */
export interface Expression {
  readonly source: string;
  /** What it reads, as far as its keys are constants. */
  readonly references: readonly Reference[];
  /**
   * @param variables what the expression may see; nothing else is reachable
   * @param budget    shared with other evaluations where given
   * @throws {FailedPrecondition} EXPRESSION_FAILED (such as a missing field or mixed types), EXPRESSION_TOO_EXPENSIVE,
   *   EXPRESSION_VALUE_NOT_JSON
   */
  evaluate(variables: JsonObject, budget?: Budget): JsonValue;
}

class CelExpression implements Expression {
  readonly references: readonly Reference[];
  private readonly roots: ReadonlySet<string>;
  private readonly run: (bindings: Record<string, CelInput>) => CelResult;

  constructor(readonly source: string) {
    const tree = parseSource(source);
    this.references = boundTree(tree);
    this.roots = new Set(this.references.flatMap((reference) => reference.slice(0, 1)));
    this.run = plan(environment, tree);
  }

  evaluate(variables: JsonObject, budget = new Budget()): JsonValue {
    return paidFrom(budget, () => {
      budget.spend(1);
      const result = this.run(this.bindings(variables));
      budget.check();
      if (isCelError(result)) throw this.failure(result.message, variables);
      return celToJson(result, budget);
    });
  }

  /** Without a prototype: a variable named `constructor` is not defined unless it is given. */
  private bindings(variables: JsonObject): Record<string, CelInput> {
    const bound = Object.fromEntries(this.definedRoots(variables).map(([name, value]) => [name, jsonToCel(value)]));
    Object.setPrototypeOf(bound, null);
    return bound;
  }

  private definedRoots(variables: JsonObject): [string, JsonValue][] {
    return [...this.roots].flatMap((name): [string, JsonValue][] => {
      if (name === allVariables) return [[name, variables]];
      const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
      return value === undefined ? [] : [[name, value]];
    });
  }

  private failure(message: string, variables: JsonObject): FailedPrecondition {
    const expression = excerpt(this.source);
    const missing = [...this.roots].filter((name) => name !== allVariables && !Object.hasOwn(variables, name));
    const hint = missing.length === 0 ? '' : ` (not defined here: ${missing.join(', ')})`;
    return new FailedPrecondition('EXPRESSION_FAILED', `'${expression}' cannot be evaluated: ${message}${hint}`, { expression });
  }
}

function excerpt(source: string): string {
  return source.length <= 200 ? source : `${source.slice(0, 200)}…`;
}

function parseSource(source: string) {
  try {
    return parse(source).expr;
  } catch (error) {
    throw refuse(`'${excerpt(source)}' is not a CEL expression: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const expressions = new Lru<Expression>(cachedExpressions, (source) => new CelExpression(source));

/**
 * Compiles a CEL expression, or finds it among those compiled before.
 *
 * @throws {InvalidArgument} where it is malformed, too long, too deep or calls an unknown function
 */
export function compileExpression(source: string): Expression {
  if (source.length > maxSourceLength) throw refuse(`has ${source.length} characters, at most ${maxSourceLength} are allowed`);
  return expressions.get(source);
}

/** The same for source that we made ourselves of a structured condition. */
export function compileGenerated(source: string): Expression {
  if (source.length > maxConditionLength)
    throw refuse(`is too large: ${source.length} characters of CEL, at most ${maxConditionLength} are allowed`);
  return expressions.get(source);
}

/**
 * Evaluates an expression that must give true or false.
 *
 * @throws {FailedPrecondition} EXPRESSION_NOT_BOOLEAN for any other value
 */
export function evaluateCondition(expression: Expression | string, variables: JsonObject): boolean {
  const compiled = typeof expression === 'string' ? compileExpression(expression) : expression;
  const value = compiled.evaluate(variables);
  if (typeof value === 'boolean') return value;
  const kind = value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`;
  throw new FailedPrecondition('EXPRESSION_NOT_BOOLEAN', `'${excerpt(compiled.source)}' gives ${kind} where true or false is needed`, {
    expression: excerpt(compiled.source),
  });
}

/**
 * Names of the variables that an expression reads, each once.
 *
 * @throws {InvalidArgument} where it does not compile
 */
export function referencedVariables(source: string): readonly string[] {
  return [...new Set(compileExpression(source).references.flatMap((reference) => reference.slice(0, 1)))];
}
