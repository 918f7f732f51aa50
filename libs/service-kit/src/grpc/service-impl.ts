import type {
  DescMessage,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import type { Call } from '../call.js';

/** The function that serves one method of a contract. */
type MethodImpl<M> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, call: Call) => Promise<MessageInitShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, call: Call) => AsyncIterable<MessageInitShape<O>>
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageShape<I>>, call: Call) => Promise<MessageInitShape<O>>
        : M extends DescMethodBiDiStreaming<infer I, infer O>
          ? (requests: AsyncIterable<MessageShape<I>>, call: Call) => AsyncIterable<MessageInitShape<O>>
          : never;

/** What a class must have to serve a contract: every method, with the contract's types. */
export type ServiceImpl<S extends DescService> = { readonly [Name in keyof S['method']]: MethodImpl<S['method'][Name]> };

/** A handler once its types have been checked against the contract. */
export type UnaryHandler = (request: MessageShape<DescMessage>, call: Call) => Promise<MessageInitShape<DescMessage>>;
export type ServerStreamHandler = (request: MessageShape<DescMessage>, call: Call) => AsyncIterable<MessageInitShape<DescMessage>>;
export type ClientStreamHandler = (
  requests: AsyncIterable<MessageShape<DescMessage>>,
  call: Call,
) => Promise<MessageInitShape<DescMessage>>;
export type BidiHandler = (requests: AsyncIterable<MessageShape<DescMessage>>, call: Call) => AsyncIterable<MessageInitShape<DescMessage>>;
