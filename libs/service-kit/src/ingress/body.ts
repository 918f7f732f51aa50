import { fromJson, type DescMessage, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import { UnprocessableEvent } from '@q2/events';
import { maxBodyBytes } from './redaction.js';

/** Deeper than any message of the contracts with its largest structure. */
const maxDepth = 50;

/**
 * Reads a body as a message of the contract. Bounds of its fields are checked apart.
 *
 * @throws {UnprocessableEvent} BODY_TOO_LARGE; BODY_NOT_JSON; BODY_INVALID naming the field that is unknown or of the wrong type
 */
export function readBody<S extends DescMessage>(schema: S, value: Uint8Array): MessageShape<S> {
  if (value.byteLength > maxBodyBytes)
    throw new UnprocessableEvent('BODY_TOO_LARGE', `the body must have at most ${maxBodyBytes} bytes, got ${value.byteLength}`);
  const json = parse(value);
  if (isDeeperThan(json, maxDepth))
    throw new UnprocessableEvent('BODY_INVALID', `the body must not be nested more than ${maxDepth} levels deep`);
  try {
    return fromJson(schema, json);
  } catch (error) {
    throw new UnprocessableEvent('BODY_INVALID', `the body must be a ${schema.typeName}: ${sentenceOf(error)}`);
  }
}

function parse(value: Uint8Array): JsonValue {
  try {
    const json: JsonValue = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(value));
    return json;
  } catch (error) {
    throw new UnprocessableEvent('BODY_NOT_JSON', `the body must be JSON in UTF-8: ${sentenceOf(error)}`);
  }
}

/** Looks no deeper than it must: what decodes the message calls itself for each level. */
function isDeeperThan(json: JsonValue, levels: number): boolean {
  if (typeof json !== 'object' || json === null) return false;
  return levels === 0 || Object.values(json).some((item) => isDeeperThan(item, levels - 1));
}

function sentenceOf(error: unknown): string {
  return String(error instanceof Error ? error.message : error).slice(0, 400);
}
