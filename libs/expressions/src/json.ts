import type { JsonObject, JsonValue } from '@bufbuild/protobuf';

/** What JSON can say; the same types as those of google.protobuf.Value and Struct in messages. Only own keys are ever read. */
export type { JsonObject, JsonValue };

/** Whether a value is a JSON object, as opposed to a list or a scalar. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
