import { serviceNames, type PlatformProcesses } from '../processes/platform-processes.js';
import pg from 'pg';
import { settled } from './journey.js';
import { nothingLeft, type Verdict } from './verdict.js';

const drainedWithinMs = 60_000;

/** What is still under way within the platform. */
interface Backlog {
  /** Rows of each service's outbox and parking. */
  readonly waiting: Readonly<Record<string, number>>;
  readonly deadLetters: Readonly<Record<string, number>>;
  /** Events published and not handled, as each service's replicas tell. */
  readonly lag: Readonly<Record<string, number>>;
}

/** Waits until all is handled, at most for a minute, and says what is left; and how long that took. */
export async function backlogVerdicts(
  platform: PlatformProcesses,
  databaseUrl: string,
): Promise<{ verdicts: Verdict[]; drainedMs: number }> {
  const beganAt = performance.now();
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const left = await settled(() => readBacklog(platform, client), isEmpty, drainedWithinMs);
    const verdicts = [
      nothingLeft('outboxes and parkings are empty within 60 s', left.waiting),
      nothingLeft('consumers have no lag within 60 s', left.lag),
      nothingLeft('there are no dead letters', left.deadLetters),
    ];
    return { verdicts, drainedMs: performance.now() - beganAt };
  } finally {
    await client.end();
  }
}

function isEmpty({ waiting, lag }: Backlog): boolean {
  return [...Object.values(waiting), ...Object.values(lag)].every((count) => count === 0);
}

async function readBacklog(platform: PlatformProcesses, client: pg.Client): Promise<Backlog> {
  const { rows } = await client.query<{ schema: string }>(
    `select schemaname as schema from pg_tables where tablename = 'outbox_event' order by 1`,
  );
  const counts = async (table: string) => {
    const found: Record<string, number> = {};
    for (const { schema } of rows) found[`${schema}.${table}`] = await countRows(client, schema, table);
    return found;
  };
  return {
    waiting: { ...(await counts('outbox_event')), ...(await counts('parked_event')) },
    deadLetters: await counts('dead_letter'),
    lag: Object.fromEntries(await Promise.all(serviceNames.map(async (service) => [service, await lagOf(platform, service)] as const))),
  };
}

async function countRows(client: pg.Client, schema: string, table: string): Promise<number> {
  const name = `${client.escapeIdentifier(schema)}.${client.escapeIdentifier(table)}`;
  const { rows } = await client.query<{ count: string }>(`select count(*) from ${name}`);
  return Number(rows[0]?.count);
}

/** The most that a replica tells; NaN, which is not 0, where one tells nothing. */
async function lagOf(platform: PlatformProcesses, service: (typeof serviceNames)[number]): Promise<number> {
  const lags = await Promise.all(
    platform.replicas(service).map(async (replica) => {
      const { text } = await replica.probe('/metrics');
      const samples = text.match(/^q2_consumer_lag(\{.*\})? .*$/gm) ?? [];
      return samples.length === 0 ? Number.NaN : samples.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    }),
  );
  return Math.max(...lags);
}
