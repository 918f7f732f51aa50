import { ScalarType, type DescEnum, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { fieldRules, type options } from '@q2/contracts';
import type { Comments } from './proto-comments.js';

export type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json };
export type Schema = Readonly<Record<string, Json>>;

/** How messages become schemas. */
export interface SchemaRules {
  readonly comments: Comments;
  /** States the bounds of fields, and that there are no others: what the platform takes. What it sends may get fields. */
  readonly isStrict: boolean;
  /** Fields by full name that may be left out although the contract requires them. */
  readonly leftOut: ReadonlySet<string>;
}

const wellKnown: Readonly<Record<string, Schema>> = {
  'google.protobuf.Timestamp': { type: 'string', format: 'date-time' },
  'google.protobuf.Duration': { type: 'string', pattern: '^-?\\d+(\\.\\d{1,9})?s$' },
  'google.protobuf.FieldMask': { type: 'string' },
  'google.protobuf.Struct': { type: 'object' },
  'google.protobuf.ListValue': { type: 'array' },
  'google.protobuf.Value': {},
};

const integer: Schema = { type: 'integer' };
/** JSON has no integers of 64 bits: they are written as text, and read as either. */
const longInteger: Schema = { type: ['string', 'integer'] };

const scalars: Readonly<Record<ScalarType, Schema>> = {
  [ScalarType.STRING]: { type: 'string' },
  [ScalarType.BYTES]: { type: 'string', contentEncoding: 'base64' },
  [ScalarType.BOOL]: { type: 'boolean' },
  [ScalarType.DOUBLE]: { type: 'number' },
  [ScalarType.FLOAT]: { type: 'number' },
  [ScalarType.INT32]: integer,
  [ScalarType.UINT32]: integer,
  [ScalarType.SINT32]: integer,
  [ScalarType.FIXED32]: integer,
  [ScalarType.SFIXED32]: integer,
  [ScalarType.INT64]: longInteger,
  [ScalarType.UINT64]: longInteger,
  [ScalarType.SINT64]: longInteger,
  [ScalarType.FIXED64]: longInteger,
  [ScalarType.SFIXED64]: longInteger,
};

/** JSON Schemas of messages' JSON form, with those of the messages inside of them, by full name. */
export function schemasOf(messages: readonly DescMessage[], rules: SchemaRules): Map<string, Schema> {
  const schemas = new Map<string, Schema>();
  const waiting: (DescMessage | DescEnum)[] = [...messages];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (schemas.has(next.typeName)) continue;
    schemas.set(next.typeName, next.kind === 'enum' ? enumSchema(next, rules) : messageSchema(next, rules));
    if (next.kind === 'message') waiting.push(...next.fields.flatMap(typesWithin));
  }
  return schemas;
}

/** Where a schema is found in the document. */
export function schemaReference(typeName: string): Schema {
  return { $ref: `#/components/schemas/${typeName}` };
}

function typesWithin(field: DescField): (DescMessage | DescEnum)[] {
  const inner = field.enum ?? field.message;
  return inner === undefined || inner.typeName in wellKnown ? [] : [inner];
}

function enumSchema(desc: DescEnum, { comments }: SchemaRules): Schema {
  const values = desc.values.map(({ name }) => name);
  return { ...described(comments.get(desc.typeName)), type: 'string', enum: values };
}

function messageSchema(desc: DescMessage, rules: SchemaRules): Schema {
  const required = rules.isStrict ? desc.fields.filter((field) => isRequired(field, rules)).map(({ jsonName }) => jsonName) : [];
  return {
    ...described(rules.comments.get(desc.typeName)),
    type: 'object',
    ...(required.length > 0 && { required }),
    properties: Object.fromEntries(desc.fields.map((field) => [field.jsonName, fieldSchema(field, rules)])),
    ...(rules.isStrict && { additionalProperties: false }),
  };
}

function isRequired(field: DescField, { leftOut }: SchemaRules): boolean {
  const { required = false, minItems = 0 } = fieldRules(field) ?? {};
  return (required || minItems > 0) && !leftOut.has(nameOf(field));
}

function nameOf(field: DescField): string {
  return `${field.parent.typeName}.${field.name}`;
}

function fieldSchema(field: DescField, rules: SchemaRules): Schema {
  const bounds = rules.isStrict ? fieldRules(field) : undefined;
  const description = described(rules.comments.get(nameOf(field)));
  const shape = shapeOf(field, bounds);
  const more = bounds?.outputOnly ? { readOnly: true } : {};
  // Draft 7 ignores what stands beside a reference.
  return shape['$ref'] === undefined ? { ...description, ...shape, ...more } : { ...description, ...more, allOf: [shape] };
}

function shapeOf(field: DescField, bounds: options.FieldRules | undefined): Schema {
  if (field.fieldKind === 'list') {
    const least = Math.max(bounds?.minItems ?? 0, bounds?.required ? 1 : 0);
    const counts = { ...(least > 0 && { minItems: least }), ...(bounds?.maxItems && { maxItems: bounds.maxItems }) };
    return { type: 'array', ...counts, items: elementSchema(field, bounds?.items) };
  }
  if (field.fieldKind === 'map') {
    const counts = { ...(bounds?.maxItems && { maxProperties: bounds.maxItems }) };
    return { type: 'object', ...counts, additionalProperties: elementSchema(field, bounds?.items) };
  }
  return elementSchema(field, bounds);
}

function elementSchema(field: DescField, bounds: options.FieldRules | undefined): Schema {
  const inner = field.enum ?? field.message;
  if (inner !== undefined) return wellKnown[inner.typeName] ?? schemaReference(inner.typeName);
  const schema = field.scalar === undefined ? {} : scalars[field.scalar];
  return bounds === undefined ? schema : { ...schema, ...boundsOf(bounds, schema) };
}

function boundsOf(bounds: options.FieldRules, { type }: Schema): Schema {
  if (type !== 'string')
    return { ...(bounds.min !== undefined && { minimum: bounds.min }), ...(bounds.max !== undefined && { maximum: bounds.max }) };
  const least = Math.max(bounds.minLength, bounds.required ? 1 : 0);
  return {
    ...(least > 0 && { minLength: least }),
    ...(bounds.maxLength > 0 && { maxLength: bounds.maxLength }),
    ...(bounds.resource.length > 0 && { pattern: `^(${bounds.resource.map(resourcePattern).join('|')})$` }),
    ...(bounds.oneOf.length > 0 && { enum: bounds.oneOf }),
  };
}

function resourcePattern(pattern: string): string {
  return pattern.replaceAll(/\{\w+\}/g, '[^/]+');
}

function described(description: string | undefined): { description?: string } {
  return description === undefined ? {} : { description };
}
