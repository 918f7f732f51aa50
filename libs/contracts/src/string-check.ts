import { Form, type FieldRules } from './gen/q2/options/v1/options_pb.js';
import { formProblem } from './form.js';
import type { Findings } from './findings.js';
import { resourceNameExpression } from './resource-name.js';

/** Longest string where the form alone sets no length. */
const formMaxLength = 1024;

/** Compiles the check of a string: length, form, resource name, set of values; never a NUL, which PostgreSQL text cannot hold. */
export function compileString(rules: FieldRules | undefined): (value: unknown, path: string, findings: Findings) => void {
  const problemOf = compileProblem(rules);
  return (value, path, findings) => {
    if (typeof value !== 'string') return;
    const problem = value === '' && !rules?.required && !rules?.minLength ? undefined : problemOf(value);
    if (problem) findings.violations.push({ field: path, description: problem });
    const tenant = rules?.resource.length ? tenantOf(value) : undefined;
    if (tenant !== undefined) findings.tenants.add(tenant);
  };
}

function compileProblem(rules: FieldRules | undefined): (value: string) => string | undefined {
  const expressions = (rules?.resource ?? []).map(resourceNameExpression);
  const { form = Form.UNSPECIFIED, minLength = 0, oneOf = [] } = rules ?? {};
  const maxLength = rules?.maxLength || formMaxLength;
  return (value) => {
    if (value === '') return 'must not be empty';
    if (value.length > maxLength) return `must have at most ${maxLength} characters, got ${value.length}`;
    if (value.length < minLength) return `must have at least ${minLength} characters, got ${value.length}`;
    if (value.includes('\0')) return 'must not contain a NUL character';
    if (expressions.length > 0 && !expressions.some((expression) => expression.test(value)))
      return `must have the form ${(rules?.resource ?? []).join(' or ')}`;
    if (oneOf.length > 0 && !oneOf.includes(value)) return `must be one of ${oneOf.join(', ')}`;
    return formProblem(form, value);
  };
}

/** The tenant that a resource name lies in, if it is in one. */
export function tenantOf(name: string): string | undefined {
  return /^tenants\/([a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\/|$)/.exec(name)?.[1];
}
