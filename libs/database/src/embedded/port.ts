import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';

/** The port of last time where it is free, else any free one: URLs that people noted down stay valid while they can. */
export async function choosePort(rememberedPath: string): Promise<number> {
  const remembered = Number(await readFile(rememberedPath, 'utf8').catch(() => '0'));
  const isValid = Number.isInteger(remembered) && remembered > 0 && remembered < 65_536;
  return (isValid ? await tryPort(remembered) : undefined) ?? (await tryPort(0)) ?? 0;
}

/** Binds and frees the port. @returns the port, undefined where it is taken */
function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(undefined);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : undefined);
      });
    });
  });
}
