import type { IncomingMessage } from 'node:http';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { DeadlineExceeded, Unavailable } from '@q2/errors';
import type { Connection } from './connection.js';
import { failureOf } from './failure.js';

/** One request to the API server. */
export interface Request {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  /** @default application/json */
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends a request and reads its whole answer.
 *
 * @throws {DomainError} what the answer stands for; Unavailable KUBERNETES_UNREACHABLE or DeadlineExceeded
 *   KUBERNETES_TIMEOUT where none came; the signal's reason where it was called off
 */
export async function send(connection: Connection, request: Request): Promise<string> {
  const timeout = AbortSignal.timeout(connection.timeoutMs);
  const signal = request.signal === undefined ? timeout : AbortSignal.any([request.signal, timeout]);
  try {
    return await textOf(await succeeded(connection, { ...request, signal }));
  } catch (error) {
    throw timeout.aborted ? tooLate(connection, request) : error;
  }
}

/** Sends a request and gives its answer to be read as it comes. It throws what `send` does; the timeout ends with the answer's beginning. */
export async function open(connection: Connection, request: Request): Promise<IncomingMessage> {
  const beginning = new AbortController();
  const timer = setTimeout(() => beginning.abort(), connection.timeoutMs);
  const signal = request.signal === undefined ? beginning.signal : AbortSignal.any([request.signal, beginning.signal]);
  try {
    return await succeeded(connection, { ...request, signal });
  } catch (error) {
    throw beginning.signal.aborted ? tooLate(connection, request) : error;
  } finally {
    clearTimeout(timer);
  }
}

async function succeeded(connection: Connection, request: Request): Promise<IncomingMessage> {
  const answer = await answerTo(connection, request);
  const code = answer.statusCode ?? 0;
  if (code >= 200 && code < 300) return answer;
  throw failureOf({ code, body: await textOf(answer), request: nameOf(request) });
}

async function answerTo(connection: Connection, request: Request): Promise<IncomingMessage> {
  const { method, contentType = 'application/json', signal } = request;
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  const headers = {
    accept: 'application/json',
    ...(body !== undefined && { 'content-type': contentType, 'content-length': Buffer.byteLength(body) }),
  };
  const options: RequestOptions = { method, headers, ...(signal !== undefined && { signal }) };
  await connection.authorize(options);
  signal?.throwIfAborted();
  const url = urlOf(connection, request);
  const begin = url.protocol === 'http:' ? httpRequest : httpsRequest;
  return new Promise((resolve, reject) => {
    const sent = begin(url, options, resolve);
    sent.on('error', (error) => reject(signal?.aborted === true ? signal.reason : unreachable(connection, error)));
    sent.end(body);
  });
}

function urlOf({ server }: Connection, { path, query = {} }: Request): URL {
  const url = new URL(server + path);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
  return url;
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function nameOf({ method, path }: Request): string {
  return `${method} ${path}`;
}

/** The error of a connection that failed. */
export function unreachable({ server }: Connection, error: unknown): Unavailable {
  return new Unavailable('KUBERNETES_UNREACHABLE', `the API server at ${server} cannot be reached: ${String(error)}`, { server });
}

function tooLate({ server, timeoutMs }: Connection, request: Request): DeadlineExceeded {
  return new DeadlineExceeded(
    'KUBERNETES_TIMEOUT',
    `the API server at ${server} did not answer ${nameOf(request)} within ${timeoutMs} ms`,
    { server },
  );
}
