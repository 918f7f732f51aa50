import { clone, create, ScalarType, type DescField, type DescMessage, type Message } from '@bufbuild/protobuf';
import { reflect, scalarZeroValue, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import { fieldRules, options } from '@q2/contracts';
import { sampleRequest, setSample, type NameVariables } from './sample-request.js';

/** A request with one fault. */
export interface BadRequest {
  /** Path of the faulty field, as an error must name it. */
  readonly field: string;
  readonly fault: string;
  readonly request: Message;
}

const maxDepth = 5;

/** Every way of each field to be out of bounds, one at a time: missing, too long, wrong form, negative, NaN, huge. */
export function badRequests(schema: DescMessage, variables: NameVariables): BadRequest[] {
  const base = sampleRequest(schema, variables);
  return faultsOf(schema, { path: [], variables }).map(({ field, fault, apply }) => {
    const request = clone(schema, base);
    apply(reflect(schema, request));
    return { field, fault, request };
  });
}

interface Fault {
  readonly field: string;
  readonly fault: string;
  readonly apply: (root: ReflectMessage) => void;
}

interface Place {
  readonly path: readonly DescField[];
  readonly variables: NameVariables;
}

function faultsOf(schema: DescMessage, place: Place): Fault[] {
  return schema.fields.flatMap((field) => {
    const rules = fieldRules(field);
    if (rules?.outputOnly) return [];
    const at = { path: [...place.path, field], variables: place.variables };
    const isNested = field.fieldKind === 'message' && !field.message.typeName.startsWith('google.') && at.path.length < maxDepth;
    return [...fieldFaults(field, rules, at), ...(isNested ? faultsOf(field.message, at) : [])];
  });
}

function fieldFaults(field: DescField, rules: options.FieldRules | undefined, at: Place): Fault[] {
  const name = at.path.map((step) => step.name).join('.');
  const missing = rules?.required ? [fault(name, 'missing', at, (owner) => owner.clear(field))] : [];
  return [...missing, ...valueFaults(field, rules, { ...at, name })];
}

function valueFaults(field: DescField, rules: options.FieldRules | undefined, at: Place & { name: string }): Fault[] {
  const { name } = at;
  if (field.fieldKind === 'list') {
    const many = (rules?.maxItems ?? 0) + 1;
    return [
      ...(many > 20_000 || field.message ? [] : [fault(name, 'too many', at, (owner) => repeat(owner, field, { ...at, many }))]),
      ...(field.scalar === undefined
        ? []
        : badScalars(field.scalar, rules?.items).map(([what, value]) => fault(name, what, at, (owner) => owner.get(field).add(value)))),
    ];
  }
  if (field.fieldKind === 'map') return mapFaults(field, rules, at);
  if (field.fieldKind === 'enum') return [fault(name, 'undefined value', at, (owner) => owner.set(field, 9_999))];
  if (field.fieldKind === 'scalar')
    return badScalars(field.scalar, rules).map(([what, value]) => fault(name, what, at, (owner) => owner.set(field, value)));
  return messageFaults(field.message, at, field);
}

function mapFaults(field: DescField & { fieldKind: 'map' }, rules: options.FieldRules | undefined, at: Place & { name: string }): Fault[] {
  if (field.mapKey !== ScalarType.STRING || field.scalar === undefined) return [];
  const zero = scalarZeroValue(field.scalar, false);
  return badStrings(rules?.keys).map(([what, key]) => fault(`${at.name} key`, what, at, (owner) => owner.get(field).set(key, zero)));
}

function messageFaults(schema: DescMessage, at: Place & { name: string }, field: DescField): Fault[] {
  const bad: Record<string, Record<string, unknown>> = {
    'google.protobuf.Timestamp': { seconds: 999_999_999_999n },
    'google.protobuf.Duration': { seconds: -5n },
    'google.protobuf.FieldMask': { paths: ['No Such; Path'] },
  };
  const init = bad[schema.typeName];
  if (!init || field.fieldKind !== 'message') return [];
  return [fault(at.name, 'impossible', at, (owner) => owner.set(field, reflect(schema, create(schema, init))))];
}

/** Walks to the message that owns the last field of the path, making what is missing on the way. */
function fault(field: string, what: string, at: Place, change: (owner: ReflectMessage) => void): Fault {
  const apply = (root: ReflectMessage) => {
    let owner = root;
    for (const step of at.path.slice(0, -1)) {
      if (!owner.isSet(step)) setSample(owner, step, { variables: at.variables, depth: 0 });
      if (step.fieldKind === 'message') owner = owner.get(step);
    }
    change(owner);
  };
  return { field, fault: what, apply };
}

function repeat(owner: ReflectMessage, field: DescField & { fieldKind: 'list' }, at: Place & { many: number }): void {
  for (let index = 0; index < at.many; index += 1) setSample(owner, field, { variables: at.variables, depth: 0 });
}

function badScalars(scalar: ScalarType, rules: options.FieldRules | undefined): [string, unknown][] {
  if (scalar === ScalarType.STRING) return badStrings(rules);
  if (scalar === ScalarType.BOOL) return [];
  if (scalar === ScalarType.BYTES)
    return (rules?.maxLength ?? 0) < 8_000_000 ? [['too long', new Uint8Array((rules?.maxLength ?? 0) + 1)]] : [];
  return badNumbers(scalar, rules);
}

function badStrings(rules: options.FieldRules | undefined): [string, string][] {
  const longest = rules?.maxLength || 1_024;
  const bad: [string, string][] = [['NUL', 'a\0b']];
  if (longest < 2_000_000) bad.push(['too long', 'x'.repeat(longest + 1)]);
  const hasForm = rules && (rules.resource.length > 0 || rules.oneOf.length > 0 || rules.form !== options.Form.UNSPECIFIED);
  if (hasForm) bad.push(['wrong form', '\u0001//\n..']);
  return bad;
}

const integerLimits = new Map<ScalarType, { least: number | bigint; most: number | bigint }>([
  [ScalarType.INT32, { least: -(2 ** 31), most: 2 ** 31 - 1 }],
  [ScalarType.UINT32, { least: 0, most: 2 ** 32 - 1 }],
  [ScalarType.INT64, { least: -(2n ** 63n), most: 2n ** 63n - 1n }],
  [ScalarType.UINT64, { least: 0n, most: 2n ** 64n - 1n }],
]);

function badNumbers(scalar: ScalarType, rules: options.FieldRules | undefined): [string, unknown][] {
  const limits = integerLimits.get(scalar);
  if (!limits) return [['NaN', Number.NaN], ['infinite', Number.POSITIVE_INFINITY], ...beyond(rules, { least: -1e308, most: 1e308 })];
  return beyond(rules, limits);
}

function beyond(rules: options.FieldRules | undefined, limits: { least: number | bigint; most: number | bigint }): [string, unknown][] {
  const bad: [string, unknown][] = [];
  if (rules?.min !== undefined && limits.least < rules.min) bad.push(['too small', limits.least]);
  if (rules?.max !== undefined && limits.most > rules.max) bad.push(['huge', limits.most]);
  return bad;
}
