import { type CelInput, type CelMap, type CelUint, type CelValue, celMap, isCelList, isCelMap, isCelUint } from '@bufbuild/cel';
import { isMessage, toJson } from '@bufbuild/protobuf';
import { DurationSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { FailedPrecondition } from '@q2/errors';
import type { Budget } from './budget.js';
import { isJsonObject, type JsonObject, type JsonValue } from './json.js';

/**
 * A JSON object as a CEL map whose values are converted when they are first read, and then kept: large inputs cost what is
 * used of them, once.
 */
class LazyMap extends Map<string, CelInput> {
  private readonly fields: readonly string[];

  constructor(private readonly object: JsonObject) {
    super();
    this.fields = Object.keys(object);
  }

  override get size(): number {
    return this.fields.length;
  }

  override get(key: string): CelInput | undefined {
    const known = super.get(key);
    if (known !== undefined) return known;
    const value = Object.hasOwn(this.object, key) ? this.object[key] : undefined;
    if (value === undefined) return undefined;
    const converted = jsonToCel(value);
    this.set(key, converted);
    return converted;
  }

  override keys(): MapIterator<string> {
    return this.fields.values();
  }

  override *values(): MapIterator<CelInput> {
    for (const [, value] of this.entries()) yield value;
  }

  override *entries(): MapIterator<[string, CelInput]> {
    for (const key of this.fields) yield [key, this.get(key) ?? null];
  }
}

/**
 * A JSON value as CEL sees it. Numbers without a fraction that are safe integers become CEL `int`, all others `double`:
 * JSON has one kind of number, so 5.0 reads as 5.
 */
export function jsonToCel(value: JsonValue): CelInput {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (isJsonObject(value)) return celMap(new LazyMap(value));
  if (typeof value === 'object' && value !== null) return value.map(jsonToCel);
  return value;
}

/**
 * A CEL value as JSON: timestamps and durations as in proto3's JSON mapping, bytes in base64.
 *
 * @throws {FailedPrecondition} EXPRESSION_VALUE_NOT_JSON for what JSON can't say: NaN, integers beyond 2^53, types
 */
export function celToJson(value: CelValue, budget: Budget): JsonValue {
  if (typeof value === 'string') {
    budget.spendText(value.length);
    return value;
  }
  budget.spend(1);
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return finite(value);
  if (typeof value === 'bigint') return safeInteger(value);
  if (isCelUint(value)) return safeInteger(value.value);
  if (isCelList(value)) return Array.from(value, (element) => celToJson(element, budget));
  if (isCelMap(value)) return mapToJson(value, budget);
  return objectToJson(value);
}

function mapToJson(map: CelMap, budget: Budget): JsonObject {
  // defineProperty semantics: a key named __proto__ is a key like any other.
  return Object.fromEntries(Array.from(map.entries(), ([key, value]) => [keyText(key), celToJson(value, budget)]));
}

function keyText(key: bigint | string | boolean | CelUint): string {
  return isCelUint(key) ? key.value.toString() : String(key);
}

function objectToJson(value: Exclude<CelValue, null | boolean | number | bigint | string>): JsonValue {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  const message = 'message' in value ? value.message : undefined;
  if (isMessage(message, TimestampSchema)) return toJson(TimestampSchema, message);
  if (isMessage(message, DurationSchema)) return toJson(DurationSchema, message);
  throw notJson('a type');
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw notJson(String(value));
  return value;
}

function safeInteger(value: bigint): number {
  const converted = Number(value);
  if (!Number.isSafeInteger(converted)) throw notJson(String(value));
  return converted;
}

function notJson(value: string): FailedPrecondition {
  return new FailedPrecondition('EXPRESSION_VALUE_NOT_JSON', `the expression gives ${value}, which JSON cannot hold`, { value });
}
