import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { Server as NetServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Server as GrpcJsServer } from '@grpc/grpc-js';

/**
 * Stops listening and tells all connections which call was the last that is served (GOAWAY, RFC 9113 section 6.8), then
 * gives clients a moment to hear it. Calls that cross the announcement are refused unread, so that their clients may make
 * them elsewhere, and each is served once. A server that closed its connections at once would lose such calls: closing a
 * socket with unread requests resets it, which can overtake the announcement. And one that only announced would serve some
 * of them twice: Node reads on until the announcement has left.
 *
 * @param momentMs longer than messages travel
 */
export async function announceEnd(server: GrpcJsServer, momentMs: number): Promise<void> {
  const listeners = listenersOf(server);
  for (const { listener, sessions } of listeners) {
    // The method of http2 would close the connections too.
    Reflect.apply(NetServer.prototype.close, listener, []);
    refuseAfterLast(listener, sessions);
    for (const session of sessions) session.goaway();
  }
  if (listeners.some(({ sessions }) => sessions.length > 0)) await sleep(momentMs);
}

/** From now on a stream reaches grpc-js only where its connection is told that it is still served. */
function refuseAfterLast(listener: NetServer, sessions: readonly ServerHttp2Session[]): void {
  const lastOf = new Map<unknown, number>(sessions.map((session) => [session, session.state.lastProcStreamID ?? 0]));
  const serving = listener.listeners('stream');
  listener.removeAllListeners('stream');
  listener.on('stream', (stream: ServerHttp2Stream, ...rest: unknown[]) => {
    const last = lastOf.get(stream.session);
    if (last === undefined || (stream.id ?? 0) <= last)
      return serving.forEach((serve) => Reflect.apply(serve, listener, [stream, ...rest]));
    stream.on('error', () => undefined);
    stream.close(constants.NGHTTP2_REFUSED_STREAM);
  });
}

interface Listener {
  readonly listener: NetServer;
  readonly sessions: readonly ServerHttp2Session[];
}

/** grpc-js keeps its listeners and their connections to itself; should it keep them otherwise one day, none are found here. */
function listenersOf(server: GrpcJsServer): Listener[] {
  const listeners: unknown = Reflect.get(server, 'http2Servers');
  if (!(listeners instanceof Map)) return [];
  const entries: [unknown, unknown][] = [...listeners];
  return entries.flatMap(([listener, info]) => (listener instanceof NetServer ? [{ listener, sessions: sessionsIn(info) }] : []));
}

function sessionsIn(info: unknown): ServerHttp2Session[] {
  if (typeof info !== 'object' || info === null || !('sessions' in info) || !(info.sessions instanceof Set)) return [];
  return [...info.sessions].filter(isOpenSession);
}

function isOpenSession(value: unknown): value is ServerHttp2Session {
  return typeof value === 'object' && value !== null && 'goaway' in value && 'closed' in value && value.closed === false;
}
