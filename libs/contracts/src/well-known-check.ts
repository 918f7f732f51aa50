import { toJson, type DescMessage, type JsonValue } from '@bufbuild/protobuf';
import { isReflectMessage, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import type { FieldRules } from './gen/q2/options/v1/options_pb.js';
import type { Findings } from './findings.js';

type Check = (value: unknown, path: string, findings: Findings) => void;
type Problem = (value: unknown) => string | undefined;

/** Greatest JSON size of a Struct, Value or ListValue where the contract names none. */
const defaultJsonBytes = 65_536;
const maxJsonDepth = 32;
const maxMaskPaths = 100;

/** 0001-01-01 to 9999-12-31 in seconds, the range of google.protobuf.Timestamp; Duration is bounded to 10,000 years. */
const timestampSeconds = { min: -62_135_596_800n, max: 253_402_300_799n };
const durationSeconds = { min: -315_576_000_000n, max: 315_576_000_000n };

/** The check of Google's well-known types, or undefined for any other message. */
export function compileWellKnown(schema: DescMessage, rules: FieldRules | undefined): Check | undefined {
  const problemOf = problemOfType(schema.typeName, rules?.maxJsonBytes || defaultJsonBytes, rules);
  if (!problemOf) return undefined;
  return (value, path, findings) => {
    const problem = problemOf(value);
    if (problem) findings.violations.push({ field: path, description: problem });
  };
}

function problemOfType(typeName: string, maxJsonBytes: number, rules: FieldRules | undefined): Problem | undefined {
  switch (typeName) {
    case 'google.protobuf.Timestamp':
      return (value) => secondsProblem(value, timestampSeconds, 'a time between years 1 and 9999');
    case 'google.protobuf.Duration':
      return (value) => durationProblem(value, rules);
    case 'google.protobuf.FieldMask':
      return maskProblem;
    case 'google.protobuf.Struct':
    case 'google.protobuf.Value':
    case 'google.protobuf.ListValue':
      return (value) => jsonProblem(value, maxJsonBytes);
    default:
      return undefined;
  }
}

/** `min` and `max` of a Duration are in seconds; without them a duration is not negative. */
function durationProblem(value: unknown, rules: FieldRules | undefined): string | undefined {
  const range = secondsProblem(value, durationSeconds, 'a duration');
  if (range) return range;
  const seconds = Number(numberField(value, 'seconds')) + Number(numberField(value, 'nanos')) / 1e9;
  const min = rules?.min ?? 0;
  if (seconds < min) return `must be at least ${min} s, got ${seconds} s`;
  return rules?.max !== undefined && seconds > rules.max ? `must be at most ${rules.max} s, got ${seconds} s` : undefined;
}

function secondsProblem(value: unknown, range: { min: bigint; max: bigint }, what: string): string | undefined {
  const seconds = BigInt(numberField(value, 'seconds'));
  const nanos = Number(numberField(value, 'nanos'));
  const isWithin = seconds >= range.min && seconds <= range.max && Math.abs(nanos) < 1_000_000_000;
  return isWithin ? undefined : `must be ${what}`;
}

function numberField(value: unknown, name: string): number | bigint {
  if (!isReflectMessage(value)) return 0;
  const field = value.fields.find((candidate) => candidate.name === name);
  const read: unknown = field ? value.get(field) : 0;
  return typeof read === 'bigint' || typeof read === 'number' ? read : 0;
}

function maskProblem(value: unknown): string | undefined {
  const paths = isReflectMessage(value) ? stringsOf(value) : [];
  if (paths.length > maxMaskPaths) return `must have at most ${maxMaskPaths} paths, got ${paths.length}`;
  const bad = paths.find((path) => !/^[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*$|^\*$/.test(path));
  return bad === undefined ? undefined : `must hold field paths in snake_case, got '${bad.slice(0, 64)}'`;
}

function stringsOf(mask: ReflectMessage): string[] {
  const field = mask.fields.find((candidate) => candidate.name === 'paths');
  if (field?.fieldKind !== 'list') return [];
  return [...mask.get(field)].filter((item) => typeof item === 'string');
}

function jsonProblem(value: unknown, maxJsonBytes: number): string | undefined {
  if (!isReflectMessage(value)) return undefined;
  const json = jsonOf(value);
  if (json === undefined) return 'must hold finite numbers and set values only';
  const fault = jsonFault(json, 0);
  if (fault) return fault;
  const bytes = Buffer.byteLength(JSON.stringify(json));
  return bytes > maxJsonBytes ? `must have at most ${maxJsonBytes} bytes as JSON, got ${bytes}` : undefined;
}

/** The JSON that a Struct, Value or ListValue stands for; undefined where it stands for none (NaN, a Value without a kind). */
function jsonOf(value: ReflectMessage): JsonValue | undefined {
  try {
    return toJson(value.desc, value.message);
  } catch {
    return undefined;
  }
}

function jsonFault(value: JsonValue, depth: number): string | undefined {
  if (depth > maxJsonDepth) return `must not be nested more than ${maxJsonDepth} levels deep`;
  if (typeof value === 'string') return value.includes('\0') ? 'must not contain a NUL character' : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, item] of Object.entries(value)) {
    const fault = jsonFault(key, depth) ?? jsonFault(item, depth + 1);
    if (fault) return fault;
  }
  return undefined;
}
