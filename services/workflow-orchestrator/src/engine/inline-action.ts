import { isJsonObject, type JsonObject, type JsonValue } from '@q2/expressions';

/** What an action that needs nobody else gives at once. */
export interface InlineResult {
  readonly output?: JsonValue;
  readonly failure?: { readonly reason: string; readonly message: string };
  /** Text for the history. */
  readonly log?: JsonObject;
  readonly emit?: { readonly eventType: string; readonly data: JsonObject };
}

type InlineAction = (input: JsonObject) => InlineResult;

/** Name of the action whose output becomes part of `context`. */
export const contextSet = 'context.set';

/** The actions that run within a decision. They are as pure as it is. */
export const inlineActions: ReadonlyMap<string, InlineAction> = new Map<string, InlineAction>([
  ['noop', () => ({ output: null })],
  ['transform', (input) => ({ output: input })],
  [contextSet, (input) => ({ output: input })],
  [
    'fail',
    (input) => ({ failure: { reason: textOf(input['reason'], 'FAILED'), message: textOf(input['message'], 'the workflow says so') } }),
  ],
  ['log', (input) => ({ output: null, log: { message: textOf(input['message'], ''), level: textOf(input['level'], 'info') } })],
  ['event.emit', (input) => ({ output: null, emit: { eventType: textOf(input['type'], ''), data: objectOf(input['data']) } })],
]);

/** Templates may give any type; what must be text is written as text. */
function textOf(value: JsonValue | undefined, absent: string): string {
  if (value === undefined || value === null) return absent;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function objectOf(value: JsonValue | undefined): JsonObject {
  if (value === undefined || value === null) return {};
  return isJsonObject(value) ? value : { value };
}
