import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import { fieldRules } from './field-check.js';
import { tenantOf } from './string-check.js';

type TenantReader = (request: Message) => string | undefined;

const readers = new WeakMap<DescMessage, TenantReader | null>();

/**
 * Reads the tenant that a request is about: that of its first field (depth-first) whose contract says it names a resource
 * in a tenant. Undefined where the contract has no such field: the call is about the platform, or the caller's own tenant.
 * The reader itself answers undefined where the field does not hold a name; validation says so to the caller.
 */
export function tenantReader(schema: DescMessage): TenantReader | undefined {
  const known = readers.get(schema);
  if (known !== undefined) return known ?? undefined;
  const path = tenantPath(schema, []);
  const reader: TenantReader | undefined = path && ((request) => readTenant(reflect(schema, request, false), path));
  readers.set(schema, reader ?? null);
  return reader;
}

/** True where the contract says that the field names a resource inside a tenant. */
export function namesTenantResource(field: DescField): boolean {
  return (fieldRules(field)?.resource ?? []).some((pattern) => pattern.startsWith('tenants/{tenant}'));
}

function tenantPath(schema: DescMessage, seen: readonly DescMessage[]): readonly DescField[] | undefined {
  for (const field of schema.fields) {
    if (field.fieldKind === 'scalar' && namesTenantResource(field)) return [field];
    const isNested = field.fieldKind === 'message' && !seen.includes(field.message);
    const below = isNested ? tenantPath(field.message, [...seen, schema]) : undefined;
    if (below) return [field, ...below];
  }
  return undefined;
}

function readTenant(message: ReflectMessage, path: readonly DescField[]): string | undefined {
  const [field, ...rest] = path;
  if (!field || !message.isSet(field)) return undefined;
  const value: unknown = message.get(field);
  if (field.fieldKind === 'message') return readTenant(message.get(field), rest);
  return typeof value === 'string' ? tenantOf(value) : undefined;
}
