export { Budget } from './budget.js';
export { type Comparison, type CompiledCondition, compileCondition, type Condition } from './condition.js';
export { compileExpression, evaluateCondition, type Expression, referencedVariables } from './expression.js';
export { isJsonObject, type JsonObject, type JsonValue } from './json.js';
export type { Operator } from './operator.js';
export { renderTemplate, templateExpressions, type TemplateExpression } from './template.js';
export type { Reference } from './tree.js';
