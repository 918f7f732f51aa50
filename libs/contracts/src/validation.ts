import { getOption, hasOption, type DescField, type DescMessage, type DescOneof, type Message } from '@bufbuild/protobuf';
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import type { FieldViolation } from '@q2/errors';
import { required_oneof } from './gen/q2/options/v1/options_pb.js';
import { compileField, type FieldCheck } from './field-check.js';
import type { Findings } from './findings.js';

type MessageCheck = (message: ReflectMessage, path: string, findings: Findings) => void;

const compiled = new WeakMap<DescMessage, MessageCheck>();

/** What a check of a request found. */
export interface Validation {
  readonly violations: readonly FieldViolation[];
  /** Tenants that the request's resource names lie in, in the order of the fields. */
  readonly tenants: readonly string[];
}

/**
 * Checks a message against the bounds its contract states (`q2.options.v1.field`), recursively.
 * Each violation names the field as the contract spells it and says what is allowed.
 */
export function validate(schema: DescMessage, message: Message): Validation {
  const findings: Findings = { violations: [], tenants: new Set() };
  checkOf(schema)(reflect(schema, message, false), '', findings);
  return { violations: findings.violations, tenants: [...findings.tenants] };
}

function checkOf(schema: DescMessage): MessageCheck {
  const known = compiled.get(schema);
  if (known) return known;
  const check = compileMessage(schema);
  compiled.set(schema, check);
  return check;
}

function compileMessage(schema: DescMessage): MessageCheck {
  const fields: [DescField, FieldCheck][] = schema.fields.map((field) => [
    field,
    compileField(field, (nested, path, findings) => checkOf(nested.desc)(nested, path, findings)),
  ]);
  const oneofs = schema.oneofs.filter((oneof) => hasOption(oneof, required_oneof) && getOption(oneof, required_oneof));
  return (message, path, findings) => {
    const prefix = path === '' ? '' : `${path}.`;
    for (const [field, check] of fields) check(message, `${prefix}${field.name}`, findings);
    for (const oneof of oneofs) checkOneof(message, oneof, { prefix, findings });
  };
}

function checkOneof(message: ReflectMessage, oneof: DescOneof, at: { prefix: string; findings: Findings }): void {
  if (message.oneofCase(oneof)) return;
  const members = oneof.fields.map((field) => field.name).join(', ');
  at.findings.violations.push({ field: `${at.prefix}${oneof.name}`, description: `one of ${members} must be set` });
}
