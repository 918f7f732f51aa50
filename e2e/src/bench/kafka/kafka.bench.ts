import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '@q2/database';
import { kafkaIsAvailable, startTestKafka } from '@q2/events/testing';
import type { Report } from '../report.js';
import { benchLatency } from './latency.bench.js';
import { benchThroughput } from './throughput.bench.js';

/** Events through a real Kafka, on a PostgreSQL that syncs every commit to disk. */
export async function benchKafka(report: Report): Promise<void> {
  if (!kafkaIsAvailable()) {
    report.note('events through Kafka', 'skipped: there is no Kafka here; KAFKA_BROKERS names one');
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'q2-bench-'));
  const [postgres, kafka] = await Promise.all([startEmbeddedPostgres({ directory: join(folder, 'postgres') }), startTestKafka()]);
  const servers = { databaseUrl: postgres.url, brokers: kafka.brokers };
  try {
    await benchLatency(report, servers);
    await benchThroughput(report, servers);
  } finally {
    await Promise.all([kafka.stop(), postgres.stop()]);
    await rm(folder, { recursive: true, force: true });
  }
}
