import fc from 'fast-check';
import { ConnectionGate } from './connection-gate.js';

const gateOf = (options: Partial<ConstructorParameters<typeof ConnectionGate>[0]> = {}) =>
  new ConnectionGate({ name: 'models', capacity: 1, maxWaiting: 1, acquireTimeoutMs: 1_000, ...options });

describe('ConnectionGate', () => {
  it('admits the one that waited longest when one leaves', async () => {
    const gate = gateOf({ maxWaiting: 2 });
    await gate.enter();
    const order: string[] = [];
    const first = gate.enter().then(() => order.push('first'));
    const second = gate.enter().then(() => order.push('second'));
    expect(gate.status).toEqual({ inUse: 1, waiting: 2 });
    gate.leave();
    await first;
    gate.leave();
    await second;
    expect(order).toEqual(['first', 'second']);
    gate.leave();
    expect(gate.status).toEqual({ inUse: 0, waiting: 0 });
  });

  it('refuses at once where the queue is full, saying when to come back', async () => {
    const gate = gateOf({ maxWaiting: 0, acquireTimeoutMs: 5_000 });
    await gate.enter();
    await expect(gate.enter()).rejects.toMatchObject({
      reason: 'DATABASE_POOL_EXHAUSTED',
      message: 'all 1 database connections of models are in use: 0 calls wait already',
      metadata: { pool: 'models', capacity: '1' },
      retryAfterMs: 2_500,
    });
  });

  it('refuses one that waited too long, which then no longer waits', async () => {
    const gate = gateOf({ acquireTimeoutMs: 10 });
    await gate.enter();
    await expect(gate.enter()).rejects.toMatchObject({ message: expect.stringContaining('within 10 ms'), retryAfterMs: 100 });
    expect(gate.status).toEqual({ inUse: 1, waiting: 0 });
  });

  it('admits nobody after it was closed, and waits for those inside', async () => {
    const gate = gateOf();
    await gate.enter();
    let isClosed = false;
    const closing = gate.close().then(() => (isClosed = true));
    await expect(gate.enter()).rejects.toMatchObject({ reason: 'DATABASE_CLOSED' });
    expect(isClosed).toBe(false);
    gate.leave();
    await closing;
    await gateOf().close();
  });

  it('never holds more than its capacity, and everyone gets in or is refused, whatever the order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 5 }),
        fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 30 }),
        async (capacity, maxWaiting, stays) => {
          const gate = gateOf({ capacity, maxWaiting });
          let inside = 0;
          let most = 0;
          const visits = stays.map(async (turns) => {
            await gate.enter();
            inside += 1;
            most = Math.max(most, inside);
            for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
            inside -= 1;
            gate.leave();
          });
          const outcomes = await Promise.allSettled(visits);
          const refused = outcomes.filter(({ status }) => status === 'rejected').length;
          expect(most).toBeLessThanOrEqual(capacity);
          expect(refused).toBe(Math.max(0, stays.length - capacity - maxWaiting));
          expect(gate.status).toEqual({ inUse: 0, waiting: 0 });
        },
      ),
    );
  });
});
