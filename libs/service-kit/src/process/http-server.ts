import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Unavailable } from '@q2/errors';

/** What a route answers. */
export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

type Route = () => Promise<HttpAnswer> | HttpAnswer;

/** Routes of the HTTP port. Services may add their own; all are GET without parameters. */
export class HttpRoutes {
  private readonly routes = new Map<string, Route>();

  add(path: string, route: Route): void {
    this.routes.set(path, route);
  }

  find(path: string): Route | undefined {
    return this.routes.get(path);
  }
}

/** Answers a text with a status. */
export function text(status: number, body: string): HttpAnswer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${body}\n` };
}

/** The plain HTTP port, for probes and scrapers. */
export class HttpServer {
  private readonly server: Server;

  constructor(private readonly routes: HttpRoutes) {
    this.server = createServer((request, response) => {
      void this.answer(request.method ?? '', request.url ?? '').then(({ status, contentType, body }) => {
        response.writeHead(status, { 'content-type': contentType, 'x-content-type-options': 'nosniff' }).end(body);
      });
    });
  }

  /** Starts listening. Resolves to the port, which is a free one where 0 was asked for. */
  listen(address: string): Promise<number> {
    const { host, port } = splitAddress(address);
    return new Promise((resolve, reject) => {
      this.server.once('error', (error) =>
        reject(new Unavailable('PORT_IN_USE', `HTTP cannot listen on ${address}: ${listenProblem(error)}`)),
      );
      this.server.listen(port, host, () => resolve(portOf(this.server.address())));
    });
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private async answer(method: string, url: string): Promise<HttpAnswer> {
    const route = this.routes.find(url.split('?')[0] ?? '');
    if (!route) return text(404, 'not found');
    if (method !== 'GET' && method !== 'HEAD') return text(405, 'only GET is answered here');
    try {
      return await route();
    } catch {
      return text(500, 'internal error');
    }
  }
}

function portOf(address: AddressInfo | string | null): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Splits `host:port`, where host may be an IPv6 address in brackets. */
export function splitAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}

/** Why a port could not be opened, in words. */
export function listenProblem(error: Error): string {
  if (/EADDRINUSE/.test(error.message)) return 'the port is in use by another program';
  if (/EACCES/.test(error.message)) return 'this user may not open that port';
  return /EADDRNOTAVAIL/.test(error.message) ? 'no such address on this machine' : error.message;
}
