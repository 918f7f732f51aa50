import { fromBinary, toBinary, type DescMethod, type Message } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { rpc } from '@q2/contracts';

/** How a call ended, as any gRPC client sees it. */
export interface Outcome {
  readonly code: string;
  readonly details: string;
  /** Fields named by a BadRequest detail. */
  readonly fields: readonly string[];
  readonly reason: string;
  /** The first response, where there was one. */
  readonly response: Message | undefined;
}

/** Calls any method with bare grpc-js: what is sent is exactly what the test says, token included. */
export class RawCaller {
  private readonly client: Client;

  /** @param target address, or several as grpc-js takes them: `ipv4:one:1,two:2` are called in turn */
  constructor(target: string) {
    this.client = new Client(target, credentials.createInsecure(), {
      'grpc.max_send_message_length': -1,
      'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    });
  }

  /** Sends one request and takes at most one response, whatever the kind of method. */
  call(method: DescMethod, request: Message, token?: string): Promise<Outcome> {
    const metadata = new Metadata();
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
    const bytes = toBinary(method.input, request);
    return method.methodKind === 'unary' || method.methodKind === 'client_streaming'
      ? this.callForOne(method, bytes, metadata)
      : this.callForStream(method, bytes, metadata);
  }

  close(): void {
    this.client.close();
  }

  private callForOne(method: DescMethod, bytes: Uint8Array, metadata: Metadata): Promise<Outcome> {
    return new Promise((resolve) => {
      const settle = (error: unknown, response?: Message) => resolve(error ? failure(error) : { ...ok, response });
      const deserialize = (buffer: Buffer): Message => fromBinary(method.output, buffer);
      const options = { deadline: Date.now() + 20_000 };
      if (method.methodKind === 'unary') {
        this.client.makeUnaryRequest(pathOf(method), asBuffer, deserialize, bytes, metadata, options, settle);
      } else {
        const call = this.client.makeClientStreamRequest(pathOf(method), asBuffer, deserialize, metadata, options, settle);
        call.end(bytes);
      }
    });
  }

  private callForStream(method: DescMethod, bytes: Uint8Array, metadata: Metadata): Promise<Outcome> {
    const options = { deadline: Date.now() + 20_000 };
    const deserialize = (buffer: Buffer): Message => fromBinary(method.output, buffer);
    const bidi =
      method.methodKind === 'bidi_streaming'
        ? this.client.makeBidiStreamRequest(pathOf(method), asBuffer, deserialize, metadata, options)
        : undefined;
    bidi?.write(bytes);
    const call = bidi ?? this.client.makeServerStreamRequest(pathOf(method), asBuffer, deserialize, bytes, metadata, options);
    return new Promise((resolve) => {
      call.once('data', (response: Message) => {
        resolve({ ...ok, response });
        call.cancel();
      });
      call.once('error', (error: unknown) => resolve(failure(error)));
      call.once('end', () => resolve(ok));
      // A stream that stays open without a word was let in.
      const patience = setTimeout(() => call.cancel(), 1_000);
      call.once('close', () => clearTimeout(patience));
    });
  }
}

const ok: Outcome = { code: 'OK', details: '', fields: [], reason: '', response: undefined };

const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes);

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function failure(error: unknown): Outcome {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'number') throw error;
  const details = 'details' in error ? String(error.details) : '';
  const metadata = 'metadata' in error && error.metadata instanceof Metadata ? error.metadata : new Metadata();
  const [bytes] = metadata.get('grpc-status-details-bin');
  const any = bytes instanceof Uint8Array ? fromBinary(rpc.StatusSchema, bytes).details : [];
  const fields = any.flatMap((detail) => anyUnpack(detail, rpc.BadRequestSchema)?.fieldViolations.map(({ field }) => field) ?? []);
  const reason = any.map((detail) => anyUnpack(detail, rpc.ErrorInfoSchema)?.reason ?? '').join('');
  return { code: status[error.code] ?? String(error.code), details, fields, reason, response: undefined };
}
