import { startEmbeddedPostgres, type EmbeddedPostgres } from '@q2/database';
import { startTestKafka, type TestKafka } from '@q2/events/testing';
import { join } from 'node:path';
import pg from 'pg';
import { settled } from './journey.js';
import type { Server } from './fault-injector.js';

/** A dozen processes with two pools each, and the verdicts. */
const maxConnections = 400;

/** A real PostgreSQL that can be shut down immediately: its processes quit at once, and the next start recovers from the log. */
export class PostgresServer implements Server {
  private constructor(
    private readonly directory: string,
    private running: EmbeddedPostgres,
  ) {}

  static async start(home: string): Promise<PostgresServer> {
    const directory = join(home, 'postgres');
    return new PostgresServer(directory, await startEmbeddedPostgres({ directory, maxConnections }));
  }

  get url(): string {
    return this.running.url;
  }

  async restart(): Promise<void> {
    process.kill(this.running.pid, 'SIGQUIT');
    await settled(
      () => answers(this.url),
      (isUp) => !isUp,
    );
    await this.running.stop();
    const { url } = this;
    this.running = await startEmbeddedPostgres({ directory: this.directory, maxConnections });
    if (this.url !== url) throw new Error(`PostgreSQL came back on another address than ${url}`);
  }

  stop(): Promise<void> {
    return this.running.stop();
  }
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

/** A real Kafka broker that is killed as by kill -9. */
export class KafkaServer implements Server {
  private constructor(private readonly broker: TestKafka) {}

  static async start(): Promise<KafkaServer> {
    return new KafkaServer(await startTestKafka());
  }

  get brokers(): readonly string[] {
    return this.broker.brokers;
  }

  async restart(): Promise<void> {
    await this.broker.kill();
    await this.broker.start();
  }

  stop(): Promise<void> {
    return this.broker.stop();
  }
}
