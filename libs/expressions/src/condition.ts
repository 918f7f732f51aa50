import { InvalidArgument } from '@q2/errors';
import { allVariables, compileExpression, compileGenerated, evaluateCondition } from './expression.js';
import type { JsonObject, JsonValue } from './json.js';
import { maxTemplateDepth } from './limits.js';
import { literal, type Operator, operatorRule } from './operator.js';
import type { Reference } from './tree.js';

/** One field compared. `field` is a path such as `input.customer.country`. */
export interface Comparison {
  readonly field: string;
  readonly operator: Operator;
  /** A list for `in` and `not_in`, a list of two for `between`, absent for `exists` and `is_null`. */
  readonly value?: JsonValue;
}

/**
 * A condition: an expression, a group, or a comparison. Comparisons are defined for everything: with a missing field or a
 * value of another type each is false, and so `not_equals` and `not_in`, their opposites, are true.
 */
export type Condition =
  | { readonly expression: string }
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly not: Condition }
  | Comparison;

/** A condition ready to be asked. */
export interface CompiledCondition {
  /** The CEL that it compiled to. */
  readonly source: string;
  readonly references: readonly Reference[];
  /** @throws {FailedPrecondition} as Expression.evaluate does; only expressions within can, comparisons never fail */
  holds(variables: JsonObject): boolean;
}

/**
 * Compiles a condition to one CEL expression.
 *
 * @throws {InvalidArgument} naming the part that is wrong by its path, such as `all[1].value`
 */
export function compileCondition(condition: Condition): CompiledCondition {
  const references: Reference[] = [];
  const source = conditionSource(condition, { path: '', depth: 1, references });
  const expression = compileGenerated(source);
  return { source, references, holds: (variables) => evaluateCondition(expression, variables) };
}

/** Where in a condition, and what was read on the way. */
interface Place {
  readonly path: string;
  readonly depth: number;
  readonly references: Reference[];
}

function inside(place: Place, step: string): Place {
  return { ...place, path: place.path === '' ? step : `${place.path}.${step}`, depth: place.depth + 1 };
}

function conditionSource(condition: Condition, place: Place): string {
  if (place.depth > maxTemplateDepth) throw InvalidArgument.field(place.path, `nests deeper than the ${maxTemplateDepth} levels allowed`);
  if ('expression' in condition) return expressionSource(condition.expression, inside(place, 'expression'));
  if ('all' in condition) return groupSource(condition.all, '&&', inside(place, 'all'));
  if ('any' in condition) return groupSource(condition.any, '||', inside(place, 'any'));
  if ('not' in condition) return `!(${conditionSource(condition.not, inside(place, 'not'))})`;
  return comparisonSource(condition, place);
}

function expressionSource(source: string, place: Place): string {
  try {
    place.references.push(...compileExpression(source).references);
    return `(${source})`;
  } catch (error) {
    throw error instanceof InvalidArgument ? InvalidArgument.field(place.path, descriptionOf(error)) : error;
  }
}

function descriptionOf(error: InvalidArgument): string {
  return error.violations.map(({ description }) => description).join('; ');
}

function groupSource(conditions: readonly Condition[], operator: string, place: Place): string {
  if (conditions.length === 0) throw InvalidArgument.field(place.path, 'needs at least one condition');
  const parts = conditions.map((condition, index) => conditionSource(condition, { ...place, path: `${place.path}[${index}]` }));
  return `(${parts.join(` ${operator} `)})`;
}

function comparisonSource({ field, operator, value }: Comparison, place: Place): string {
  const keys = field.split('.');
  if (keys.includes('')) throw InvalidArgument.field(inside(place, 'field').path, `must be names joined by dots, got '${field}'`);
  const rule = operatorRule(operator);
  const problem = rule.problem(value);
  if (problem !== undefined) throw InvalidArgument.field(inside(place, 'value').path, problem);
  place.references.push(keys);
  const path = literal(keys);
  const test = rule.test(`fieldAt(${allVariables}, ${path})`, value === undefined ? '' : literal(value));
  return `${rule.isOpposite === true ? '!' : ''}(hasField(${allVariables}, ${path}) && ${test})`;
}
