import { hasOption, ScalarType, type DescField, type DescMessage, type DescMethod, type DescService } from '@bufbuild/protobuf';
import { fieldRules } from './field-check.js';
import { Form, method as methodOption, Role, type FieldRules } from './gen/q2/options/v1/options_pb.js';
import { methodPolicy } from './method-policy.js';

/**
 * What contracts leave unsaid: methods without a permission, fields of requests without bounds. Each problem names its
 * place; an empty list lets the build pass. (Documentation is checked by buf's lint.)
 */
export function contractProblems(services: readonly DescService[]): string[] {
  const requests = new Set<DescMessage>();
  const problems = services.flatMap((service) => service.methods.flatMap((method) => methodProblems(method)));
  for (const method of services.flatMap((service) => service.methods)) collectMessages(method.input, requests);
  return [...problems, ...[...requests].flatMap((message) => message.fields.flatMap(fieldProblems))];
}

function methodProblems(method: DescMethod): string[] {
  const where = `${method.parent.typeName}.${method.name}`;
  if (!hasOption(method, methodOption)) return [`${where}: states no (q2.options.v1.method)`];
  const policy = methodPolicy(method);
  if (policy.public) return [];
  const problems = [];
  if (!/^[a-z]+(\.[a-z][a-zA-Z-]*){2}$/.test(policy.permission))
    problems.push(`${where}: permission '${policy.permission}' is not area.resource.verb`);
  const isGranted = policy.grantedTo !== Role.UNSPECIFIED || policy.services.length > 0 || policy.producers;
  if (!isGranted) problems.push(`${where}: nobody may call it`);
  const isUnaryMutation = policy.audited && method.methodKind === 'unary';
  if (isUnaryMutation && !method.input.fields.some((field) => field.name === 'request_id'))
    problems.push(`${where}: audited, but has no request_id`);
  return problems;
}

function collectMessages(message: DescMessage, into: Set<DescMessage>): void {
  if (into.has(message) || message.typeName.startsWith('google.')) return;
  into.add(message);
  for (const field of message.fields) if (field.message && !fieldRules(field)?.outputOnly) collectMessages(field.message, into);
}

function fieldProblems(field: DescField): string[] {
  const rules = fieldRules(field);
  const where = `${field.parent.typeName}.${field.name}`;
  if (rules?.outputOnly) return [];
  if (field.fieldKind === 'list' || field.fieldKind === 'map') return collectionProblems(field, where, rules);
  return field.fieldKind === 'scalar' ? scalarProblems(field.scalar, where, rules) : [];
}

function collectionProblems(field: DescField & { fieldKind: 'list' | 'map' }, where: string, rules: FieldRules | undefined): string[] {
  const problems = rules?.maxItems ? [] : [`${where}: has no max_items`];
  if (field.scalar !== undefined) problems.push(...scalarProblems(field.scalar, `${where} items`, rules?.items));
  if (field.fieldKind === 'map') problems.push(...scalarProblems(field.mapKey, `${where} keys`, rules?.keys));
  return problems;
}

function scalarProblems(scalar: ScalarType, where: string, rules: FieldRules | undefined): string[] {
  switch (scalar) {
    case ScalarType.BOOL:
      return [];
    case ScalarType.STRING:
      return isBoundedString(rules) ? [] : [`${where}: a string without max_length, form, resource or one_of`];
    case ScalarType.BYTES:
      return rules?.maxLength ? [] : [`${where}: bytes without max_length`];
    default:
      return rules?.min === undefined || rules.max === undefined ? [`${where}: a number without min and max`] : [];
  }
}

function isBoundedString(rules: FieldRules | undefined): boolean {
  if (!rules) return false;
  return rules.maxLength > 0 || rules.form !== Form.UNSPECIFIED || rules.resource.length > 0 || rules.oneOf.length > 0;
}
