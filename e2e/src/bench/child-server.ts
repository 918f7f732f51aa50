import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const readySchema = z.object({ port: z.number(), token: z.string().optional() });

/** A server in a process of its own, so that client and server do not share a thread. */
export interface ChildServer {
  readonly address: string;
  readonly token: string | undefined;
  stop(): Promise<void>;
}

/** Starts a script that sends its port when it is ready, and ends when its channel closes. */
export async function startChild(script: string): Promise<ChildServer> {
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), { stdio: 'inherit' });
  const [message]: unknown[] = await once(child, 'message');
  const { port, token } = readySchema.parse(message);
  const stop = async () => {
    const ended = once(child, 'exit');
    child.disconnect();
    await ended;
  };
  return { address: `127.0.0.1:${port}`, token, stop };
}
