import type { Tx } from '@q2/database';
import type { NewEvent } from '@q2/events';
import type { DescMessage } from '@bufbuild/protobuf';
import { Unavailable } from '@q2/errors';
import { Clock } from '@q2/service-kit';
import { UsageMeter } from './usage-meter.service.js';

/** The outbox of this test asks nothing of its transaction. */
const refuse = () => {
  throw new Error('no database is needed here');
};
const unused: Tx = {
  tenant: undefined,
  query: refuse,
  execute: refuse,
  afterCommit: refuse,
  get manager() {
    return refuse();
  },
};

describe('UsageMeter', () => {
  let announced: unknown[];
  let isAway: boolean;
  let failsAfterwards: Error | undefined;
  let warnings: number;
  let meter: UsageMeter;

  beforeEach(() => {
    announced = [];
    isAway = false;
    failsAfterwards = undefined;
    warnings = 0;
    const database = {
      inTenant: async <T>(tenant: string, work: (tx: Tx) => Promise<T>): Promise<T> => {
        if (isAway) throw new Error(`no database for ${tenant}`);
        const result = await work(unused);
        if (failsAfterwards) throw failsAfterwards;
        return result;
      },
    };
    const outbox = {
      add: <S extends DescMessage>(_: unknown, event: NewEvent<S>) => {
        announced.push({ ...event.data, id: event.id });
        return Promise.resolve();
      },
    };
    meter = new UsageMeter(database, outbox, new Clock(), { warn: () => (warnings += 1) });
  });

  it("announces each tenant's predictions once", async () => {
    for (const tenant of ['acme', 'beta', 'acme']) meter.countPrediction(tenant);
    await Promise.all([meter.flush(), meter.flush()]);
    expect(announced).toMatchObject([
      { tenant: 'acme', resource: 'predictions', quantity: 2n },
      { tenant: 'beta', resource: 'predictions', quantity: 1n },
    ]);
  });

  it('announces later what it could not announce, with what came since', async () => {
    isAway = true;
    meter.countPrediction('acme');
    await meter.flush();
    expect(announced).toEqual([]);
    expect(warnings).toBe(1);
    isAway = false;
    meter.countPrediction('acme');
    await meter.flush();
    expect(announced).toMatchObject([{ tenant: 'acme', quantity: 2n }]);
  });

  it('repeats under the same id what may have been announced, apart from what came since', async () => {
    failsAfterwards = new Unavailable('DATABASE_COMMIT_UNKNOWN', 'the connection was lost during the commit');
    meter.countPrediction('acme');
    await meter.flush();
    failsAfterwards = undefined;
    isAway = true;
    await meter.flush();
    isAway = false;
    meter.countPrediction('acme');
    await meter.flush();
    await meter.flush();
    const ids = announced.map((event) => (typeof event === 'object' && event !== null && 'id' in event ? event.id : undefined));
    expect(announced).toMatchObject([{ quantity: 1n }, { quantity: 1n }, { quantity: 1n }]);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  it('announces what is left when the process stops', async () => {
    meter.onApplicationBootstrap();
    meter.countPrediction('acme');
    await meter.beforeApplicationShutdown();
    expect(announced).toMatchObject([{ tenant: 'acme', quantity: 1n }]);
  });
});
