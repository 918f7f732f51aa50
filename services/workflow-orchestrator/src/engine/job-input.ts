import { InvalidArgument } from '@q2/errors';
import { isJsonObject, type JsonObject, type JsonValue } from '@q2/expressions';
import type { JobWork } from '../definition/definition.js';
import { imageForm } from '../definition/job-problems.js';

/** Largest command, arguments and environment of a job with their expressions' values, as JSON: 256 KiB. */
const maxInputBytes = 262_144;

/** What a job attempt runs: all texts are final. It travels as the attempt's input. */
export type JobInput = Pick<
  JobWork,
  'image' | 'command' | 'args' | 'environment' | 'cpuMillis' | 'memoryMib' | 'storageMib' | 'canWriteRoot'
>;

/** What of a job may hold expressions. */
export function jobTemplate({ image, command, args, environment }: JobWork): JsonObject {
  return { image, command: [...command], args: [...args], environment: { ...environment } };
}

/**
 * The input of an attempt from the rendered template. A value that is not text is written as JSON, as in `${input.rows}`.
 *
 * @throws {InvalidArgument} where the image's expressions gave no image, or all of it is too large
 */
export function jobInput({ cpuMillis, memoryMib, storageMib, canWriteRoot }: JobWork, rendered: JsonValue): JsonObject {
  const texts = isJsonObject(rendered) ? rendered : {};
  const image = textOf(texts['image'] ?? '');
  if (!imageForm.test(image)) throw InvalidArgument.field('image', `must be the name of an image, got '${image}'`);
  const input = {
    ...{ image, command: listOf(texts['command']), args: listOf(texts['args']), environment: mapOf(texts['environment']) },
    ...{ cpuMillis, memoryMib, storageMib, canWriteRoot },
  };
  const bytes = Buffer.byteLength(JSON.stringify(input));
  if (bytes > maxInputBytes) throw InvalidArgument.field('job', `has ${bytes} bytes with its values, at most ${maxInputBytes} are allowed`);
  return input;
}

function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function listOf(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.map(textOf) : [];
}

function mapOf(value: JsonValue | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(isJsonObject(value) ? value : {}).map(([name, text]) => [name, textOf(text)]));
}
