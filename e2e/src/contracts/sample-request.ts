import { create, ScalarType, type DescEnum, type DescField, type DescMessage, type Message } from '@bufbuild/protobuf';
import { reflect, scalarZeroValue, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import { fieldRules, formExample, options } from '@q2/contracts';

/** Values for the variables of resource names; any other variable is `sample`. */
export type NameVariables = Readonly<Record<string, string>>;

/** Builds the smallest request that its contract's bounds allow, from the descriptors alone. */
export function sampleRequest(schema: DescMessage, variables: NameVariables): Message {
  const message = reflect(schema, create(schema));
  fill(message, variables, 0);
  return message.message;
}

function fill(message: ReflectMessage, variables: NameVariables, depth: number): void {
  const filledOneofs = new Set<string>();
  for (const field of message.desc.fields) {
    if (field.oneof && filledOneofs.has(field.oneof.name)) continue;
    if (!isNeeded(field)) continue;
    if (field.oneof) filledOneofs.add(field.oneof.name);
    setSample(message, field, { variables, depth });
  }
}

/** Fields that must be set, or that say what the call is about. */
function isNeeded(field: DescField): boolean {
  const rules = fieldRules(field);
  if (rules?.outputOnly) return false;
  const isNamed = rules?.resource.some((pattern) => pattern.startsWith('tenants/{tenant}')) === true && field.fieldKind === 'scalar';
  const isOfRequiredOneof = field.oneof !== undefined && field.oneof.proto.options !== undefined;
  return rules?.required === true || (rules?.minItems ?? 0) > 0 || (rules?.minLength ?? 0) > 0 || isNamed || isOfRequiredOneof;
}

/** Sets a field to a value within its bounds. */
export function setSample(message: ReflectMessage, field: DescField, at: { variables: NameVariables; depth: number }): void {
  const rules = fieldRules(field);
  switch (field.fieldKind) {
    case 'list': {
      const list = message.get(field);
      const items = Math.max(1, rules?.minItems ?? 0);
      for (let index = 0; index < items; index += 1) list.add(sampleElement(field, rules?.items, { ...at, index }));
      return;
    }
    case 'map':
      message
        .get(field)
        .set(field.mapKey === ScalarType.STRING ? sampleString(rules?.keys, at.variables) : 1, sampleElement(field, rules?.items, at));
      return;
    case 'message': {
      message.set(field, sampleMessage(field.message, at));
      return;
    }
    default:
      message.set(field, sampleElement(field, rules, at));
  }
}

function sampleElement(
  field: DescField,
  rules: options.FieldRules | undefined,
  at: { variables: NameVariables; depth: number; index?: number },
): unknown {
  if (field.message) return sampleMessage(field.message, at);
  if (field.enum) return sampleEnum(field.enum);
  return sampleScalar(field.scalar ?? ScalarType.STRING, rules, at);
}

function sampleMessage(schema: DescMessage, at: { variables: NameVariables; depth: number }): ReflectMessage {
  const message = reflect(schema, create(schema));
  if (!schema.typeName.startsWith('google.') && at.depth < 6) fill(message, at.variables, at.depth + 1);
  return message;
}

function sampleEnum(schema: DescEnum): number {
  return (schema.values.find((value) => value.number > 0) ?? schema.values[0])?.number ?? 0;
}

function sampleScalar(
  scalar: ScalarType,
  rules: options.FieldRules | undefined,
  at: { variables: NameVariables; index?: number },
): unknown {
  switch (scalar) {
    case ScalarType.STRING:
      return sampleString(rules, at.variables) + (at.index && rules?.resource.length === 0 ? String(at.index) : '');
    case ScalarType.BYTES:
      return new Uint8Array(Math.max(1, rules?.minLength ?? 0));
    case ScalarType.BOOL:
      return true;
    default: {
      const least = Math.max(1, rules?.min ?? 1);
      const value = rules?.max !== undefined && rules.max < least ? rules.max : least;
      return typeof scalarZeroValue(scalar, false) === 'bigint' ? BigInt(Math.ceil(value)) : value;
    }
  }
}

function sampleString(rules: options.FieldRules | undefined, variables: NameVariables): string {
  const [pattern] = rules?.resource ?? [];
  if (pattern !== undefined)
    return pattern.replace(/\{(\w+)\}/g, (_, name: string) => variables[name] ?? (name === 'version' ? '1.0.0' : 'sample'));
  if (rules && rules.oneOf.length > 0) return rules.oneOf[0] ?? '';
  const text = formExample(rules?.form ?? options.Form.UNSPECIFIED);
  return text.padEnd(rules?.minLength ?? 0, 'x');
}
