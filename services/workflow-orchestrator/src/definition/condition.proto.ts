import { toJson } from '@bufbuild/protobuf';
import { ValueSchema } from '@bufbuild/protobuf/wkt';
import { workflows } from '@q2/contracts';
import type { Comparison, Condition, Operator } from '@q2/expressions';

const { ComparisonOperator, LogicalOperator } = workflows;

/** Reads a condition from the contract's message. The contract requires one of its members. */
export function conditionOf(message: workflows.Condition | undefined): Condition {
  const kind = message?.kind;
  switch (kind?.case) {
    case 'expression':
      return { expression: kind.value };
    case 'group':
      return groupOf(kind.value);
    case 'comparison':
      return comparisonOf(kind.value);
    default:
      throw new TypeError('a condition that states nothing');
  }
}

function groupOf({ operator, conditions }: workflows.ConditionGroup): Condition {
  const parts = conditions.map(conditionOf);
  if (operator === LogicalOperator.OR) return { any: parts };
  return operator === LogicalOperator.NOT ? { not: { all: parts } } : { all: parts };
}

function comparisonOf({ field, operator, value }: workflows.Comparison): Comparison {
  const comparison = { field, operator: operators[operator] };
  return value === undefined ? comparison : { ...comparison, value: toJson(ValueSchema, value) };
}

/** UNSPECIFIED never gets here: the contract requires the field. */
const operators: Record<workflows.ComparisonOperator, Operator> = {
  [ComparisonOperator.UNSPECIFIED]: 'equals',
  [ComparisonOperator.EQUALS]: 'equals',
  [ComparisonOperator.NOT_EQUALS]: 'not_equals',
  [ComparisonOperator.GREATER]: 'greater',
  [ComparisonOperator.GREATER_OR_EQUAL]: 'greater_or_equal',
  [ComparisonOperator.LESS]: 'less',
  [ComparisonOperator.LESS_OR_EQUAL]: 'less_or_equal',
  [ComparisonOperator.IN]: 'in',
  [ComparisonOperator.NOT_IN]: 'not_in',
  [ComparisonOperator.CONTAINS]: 'contains',
  [ComparisonOperator.STARTS_WITH]: 'starts_with',
  [ComparisonOperator.ENDS_WITH]: 'ends_with',
  [ComparisonOperator.MATCHES]: 'matches',
  [ComparisonOperator.EXISTS]: 'exists',
  [ComparisonOperator.IS_NULL]: 'is_null',
  [ComparisonOperator.BETWEEN]: 'between',
};
