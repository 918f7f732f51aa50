// Keeps a broker for the process that forked it, and takes it away when that process ends, however it ends.
import { Broker } from './broker.js';

let broker: Broker | undefined;
let queue: Promise<void> = Promise.resolve();

/** Answers with the broker's address, or with why there is none. */
async function answer(work: () => Promise<void>): Promise<void> {
  const reply = await work().then(
    () => ({ address: broker?.address }),
    (error: unknown) => ({ error: String(error) }),
  );
  // Nobody may be listening any more.
  process.send?.(reply, undefined, {}, () => undefined);
}

async function obey(order: unknown): Promise<void> {
  if (order === 'kill') await broker?.kill();
  else if (broker === undefined) broker = await Broker.start(process.argv[2] ?? '');
  else await broker.restart();
}

async function end(): Promise<void> {
  await broker?.remove();
  process.exit(0);
}

process.on('message', (order) => {
  queue = queue.then(() => answer(() => obey(order)));
});
function endNext(): void {
  queue = queue.then(end);
}
process.once('disconnect', endNext);
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.once(signal, endNext);
