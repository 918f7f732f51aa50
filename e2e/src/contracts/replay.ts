import { randomUUID } from 'node:crypto';
import {
  clone,
  create,
  toBinary,
  type DescMessage,
  type DescMethodUnary,
  type Message,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import type { RawCaller } from './raw-call.js';

/** Sends mutations as a nervous client does, and keeps the names of those it sent. */
export class Replay {
  readonly seen = new Map<string, number>();

  constructor(
    private readonly caller: RawCaller,
    private readonly tokenOf: () => Promise<string>,
  ) {}

  /**
   * Makes a mutation three times at once and once more, all with one request_id: every answer must be the same. Then
   * sends another body under that id, which must be refused. What the mutation does must happen once; the audit log counts.
   */
  async mutate<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    init: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    const request = create(method.input, init);
    Reflect.set(request, 'requestId', randomUUID());
    const token = await this.tokenOf();
    const atOnce = await Promise.all([1, 2, 3].map(() => this.caller.call(method, request, token)));
    const later = await this.caller.call(method, request, token);
    const outcomes = [...atOnce, later];
    const failed = outcomes.find(({ code }) => code !== 'OK');
    if (failed) throw new Error(`${method.name}: ${failed.code} ${failed.details}`);
    const answers = outcomes.map(({ response }) => Buffer.from(toBinary(method.output, asOutput(method, response))).toString('hex'));
    if (new Set(answers).size !== 1) throw new Error(`${method.name} answered a repetition differently`);
    await this.refuseOtherBody(method, request, token);
    this.seen.set(nameOf(method), (this.seen.get(nameOf(method)) ?? 0) + 1);
    return asOutput(method, later.response);
  }

  private async refuseOtherBody<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
    token: string,
  ) {
    const other: Message = clone(method.input, request);
    other.$unknown = [{ no: 9_999, wireType: 0, data: new Uint8Array([1]) }];
    const outcome = await this.caller.call(method, other, token);
    if (outcome.code !== 'INVALID_ARGUMENT' || !outcome.fields.includes('request_id'))
      throw new Error(`${method.name} took another body under a used request_id: ${outcome.code}`);
  }
}

/** `q2.models.v1.ModelService/CreateModel`. */
export function nameOf(method: { readonly name: string; readonly parent: { readonly typeName: string } }): string {
  return `${method.parent.typeName}/${method.name}`;
}

function asOutput<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  response: Message | undefined,
): MessageShape<O> {
  if (!isOutput(method, response)) throw new Error(`${method.name} answered nothing`);
  return response;
}

function isOutput<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  response: Message | undefined,
): response is MessageShape<O> {
  return response?.$typeName === method.output.typeName;
}
