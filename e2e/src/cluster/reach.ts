import { z } from 'zod';
import type { OneNodeCluster } from './one-node-cluster.js';

/** Tries each `host:port` once. What a policy drops never answers, so silence means that it is closed. */
const probe = `
const net = require('node:net');
const tryOne = (target) => new Promise((resolve) => {
  const [host, port] = target.split(':');
  const socket = net.connect({ host, port: Number(port) });
  const done = (answer) => { socket.destroy(); resolve([target, answer]); };
  socket.setTimeout(4000, () => done('closed'));
  socket.once('connect', () => done('open'));
  socket.once('error', (error) => done(error.code === 'EAI_AGAIN' ? 'closed' : error.code));
});
Promise.all(process.argv.slice(1).map(tryOne)).then((all) => { console.log(JSON.stringify(Object.fromEntries(all))); process.exit(0); });
`;

/** Listens on port 9999, so that others can be tried from elsewhere. */
export const listener = ['/usr/bin/node', '-e', `require('node:net').createServer((socket) => socket.end()).listen(9999)`];

/** Which of the targets (`host:port`) a pod reaches: `open`, `closed`, or the error of the connection. */
export async function reachFrom(
  cluster: OneNodeCluster,
  pod: { readonly namespace: string; readonly name: string },
  targets: readonly string[],
): Promise<Record<string, string>> {
  const output = await cluster.kubectl('-n', pod.namespace, 'exec', pod.name, '--', '/usr/bin/node', '-e', probe, ...targets);
  return z.record(z.string(), z.string()).parse(JSON.parse(output));
}
