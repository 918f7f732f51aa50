import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type * as expressions from '@q2/expressions';

/** A value that expressions gave, as messages take it: a copy of its own, free to be changed. */
export function copyJson(value: expressions.JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null) return value;
  return isList(value) ? value.map(copyJson) : copyObject(value);
}

/** The same for an object. */
function copyObject(value: expressions.JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, copyJson(child)]));
}

function isList(value: object): value is readonly expressions.JsonValue[] {
  return Array.isArray(value);
}
