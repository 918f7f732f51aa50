// The consuming service of the latency benchmark, in a process of its own. Answers `collect` with what it has timed since it last did.
import { decodeEvent, ServiceEvents } from '@q2/events';
import { z } from 'zod';
import { quantile } from '../quantile.js';
import { benchLog, connectService, instantMs, timedEvent, timedTopic } from './bench-world.js';

const servers = z.object({ databaseUrl: z.string(), brokers: z.array(z.string()) }).parse(JSON.parse(process.argv[2] ?? ''));
const { database, bus } = await connectService(servers, 'bench_consumer');
const events = new ServiceEvents({ service: 'bench-consumer', database, bus, log: benchLog });
let latenciesMs: number[] = [];
events.subscriptions.add({
  consumer: 'bench.time',
  topics: [timedTopic],
  handle: (tx, event) => {
    const { alert: storedAtMs } = decodeEvent(timedEvent, event);
    tx.afterCommit(() => latenciesMs.push(instantMs() - Number(storedAtMs)));
    return Promise.resolve();
  },
});
await events.start();

process.on('message', (message) => {
  const { length: count } = latenciesMs;
  if (message === 'count') process.send?.({ count, p50Ms: 0, p99Ms: 0 });
  else {
    process.send?.({ count, p50Ms: quantile(latenciesMs, 0.5), p99Ms: quantile(latenciesMs, 0.99) });
    latenciesMs = [];
  }
});
process.once('disconnect', () => process.exit(0));
