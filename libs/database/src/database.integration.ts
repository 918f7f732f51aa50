import { jest } from '@jest/globals';
import pg from 'pg';
import type { Database } from './database.js';
import { isUniqueViolation } from './database-errors.js';
import { Note, notes } from './fixtures.testing.js';
import { startTestDatabase, type TestDatabase } from './testing/index.js';
import type { Tx } from './tx.js';

let server: TestDatabase;
let database: Database;

const write = (tx: Tx, name: string, body = '') =>
  tx.execute('INSERT INTO note (tenant_id, name, body) VALUES ($1, $2, $3)', [tx.tenant, name, body]);
const names = async (tx: Tx) => (await tx.query<{ name: string }>('SELECT name FROM note ORDER BY name')).map(({ name }) => name);
const namesOf = (tenant: string) => database.inTenant(tenant, names);

async function terminateConnections(like: string): Promise<number> {
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  const { rowCount } = await admin.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE $1 AND datname = current_database()',
    [like],
  );
  await admin.end();
  return rowCount ?? 0;
}

beforeAll(async () => {
  server = await startTestDatabase();
  database = await server.database(notes, { poolSize: 3, maxWaiting: 2, acquireTimeoutMs: 300, statementTimeoutMs: 1_000 });
});

afterAll(() => server.stop());

describe('a tenant’s transaction', () => {
  it('sees and writes the rows of its tenant only', async () => {
    await database.inTenant('acme', (tx) => write(tx, 'mine'));
    await database.inTenant('globex', (tx) => write(tx, 'theirs'));
    expect(await namesOf('acme')).toEqual(['mine']);
    expect(await database.inTenant('globex', (tx) => tx.execute(`UPDATE note SET body = 'x' WHERE name = 'mine'`))).toBe(0);
    expect(await database.inTenant('globex', (tx) => tx.execute(`DELETE FROM note WHERE name = 'mine'`))).toBe(0);
  });

  it('refuses to write a row of another tenant', async () => {
    const insert = database.inTenant('globex', (tx) => tx.execute(`INSERT INTO note (tenant_id, name) VALUES ('acme', 'planted')`));
    await expect(insert).rejects.toMatchObject({ kind: 'PERMISSION_DENIED', reason: 'TENANT_MISMATCH' });
    const moved = database.inTenant('globex', (tx) => tx.execute(`UPDATE note SET tenant_id = 'acme'`));
    await expect(moved).rejects.toMatchObject({ reason: 'TENANT_MISMATCH' });
  });

  it('takes a tenant’s name as a value, whatever is in it', async () => {
    const odd = `o'brien"; DROP TABLE note; --`;
    await database.inTenant(odd, (tx) => write(tx, 'odd'));
    expect(await namesOf(odd)).toEqual(['odd']);
  });

  it('is refused without a tenant', async () => {
    await expect(database.inTenant('', names)).rejects.toMatchObject({ kind: 'FAILED_PRECONDITION', reason: 'TENANT_MISSING' });
  });

  it('turns a tenant that is taken away in SQL into an error, not into no rows', async () => {
    const emptied = database.inTenant('acme', async (tx) => {
      await tx.query(`SELECT set_config('q2.tenant', '', true)`);
      return names(tx);
    });
    await expect(emptied).rejects.toMatchObject({ kind: 'FAILED_PRECONDITION', reason: 'TENANT_MISSING' });
  });

  it('rolls back all of it where the work throws', async () => {
    const failing = database.inTenant('initech', async (tx) => {
      await write(tx, 'lost');
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await namesOf('initech')).toEqual([]);
  });

  it('says so where a failed statement was swallowed and nothing could be committed', async () => {
    const swallowing = database.inTenant('initech', async (tx) => {
      await write(tx, 'lost');
      await tx.query('SELECT 1 / 0').catch(() => undefined);
    });
    await expect(swallowing).rejects.toThrow('nothing was committed');
    expect(await namesOf('initech')).toEqual([]);
  });

  it('refuses writes where it is read-only', async () => {
    await expect(database.inTenant('acme', (tx) => write(tx, 'no'), { readOnly: true })).rejects.toThrow('read-only transaction');
  });

  it('cannot be used after it ended', async () => {
    const closed = await database.inTenant('acme', (tx) => Promise.resolve(tx));
    await expect(closed.query('SELECT 1')).rejects.toMatchObject({ reason: 'TRANSACTION_CLOSED' });
    await expect(closed.execute('SELECT 1')).rejects.toMatchObject({ reason: 'TRANSACTION_CLOSED' });
    expect(() => closed.manager).toThrow('has ended');
  });

  it('tells a value that exists already from other failures', async () => {
    await database.inTenant('hooli', (tx) => write(tx, 'one'));
    const error: unknown = await database.inTenant('hooli', (tx) => write(tx, 'one')).catch((caught: unknown) => caught);
    expect(isUniqueViolation(error, 'note_pkey')).toBe(true);
    expect(isUniqueViolation(error, 'other_key')).toBe(false);
  });

  it('gives TypeORM’s manager the same rows, and keeps its own transactions inside', async () => {
    const failing = database.inTenant('umbrella', async (tx) => {
      await tx.manager.save(Object.assign(new Note(), { tenantId: 'umbrella', name: 'saved' }));
      await tx.manager.transaction(async (inner) => {
        await inner.save(Object.assign(new Note(), { tenantId: 'umbrella', name: 'inner' }));
      });
      expect(await tx.manager.count(Note)).toBe(2);
      throw new Error('undo');
    });
    await expect(failing).rejects.toThrow('undo');
    expect(await namesOf('umbrella')).toEqual([]);
  });
});

describe('a call inside a transaction', () => {
  it('joins that of the same tenant: both commit, or neither', async () => {
    const failing = database.inTenant('join', async (outer) => {
      await database.inTenant('join', (inner) => write(inner, 'inner'));
      expect(await names(outer)).toEqual(['inner']);
      throw new Error('outer fails');
    });
    await expect(failing).rejects.toThrow('outer fails');
    expect(await namesOf('join')).toEqual([]);
  });

  it('is undone alone where it fails and the outer catches that', async () => {
    await database.inTenant('half', async (outer) => {
      await write(outer, 'before');
      const inner = database.inTenant('half', async (tx) => {
        await write(tx, 'half');
        await database.inTenant('half', (deeper) => write(deeper, 'deeper'));
        await write(tx, 'before');
      });
      await expect(inner).rejects.toThrow('duplicate key');
      await write(outer, 'after');
    });
    expect(await namesOf('half')).toEqual(['after', 'before']);
  });

  it('comes out as a domain error where the database was the reason', async () => {
    await database.inTenant('half', async () => {
      const inner = database.inTenant('half', (tx) => tx.query('SELECT pg_sleep(2)'));
      await expect(inner).rejects.toMatchObject({ kind: 'DEADLINE_EXCEEDED', reason: 'DATABASE_STATEMENT_TIMEOUT' });
    });
  });

  it('takes its turn where several are started side by side', async () => {
    const outcomes = await database.inTenant('side', () =>
      Promise.allSettled(
        ['a', 'b', 'a', 'c'].map((name) =>
          database.inTenant('side', async (tx) => {
            await write(tx, `${name}-first`);
            await write(tx, `${name}-second`);
          }),
        ),
      ),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(await namesOf('side')).toEqual(['a-first', 'a-second', 'b-first', 'b-second', 'c-first', 'c-second']);
  });

  it('is refused for another tenant', async () => {
    const switching = database.inTenant('acme', () => database.inTenant('globex', names));
    await expect(switching).rejects.toMatchObject({ reason: 'TENANT_SWITCHED', metadata: { tenant: 'globex' } });
    const fromJob = database.acrossTenants('inbox', () => database.inTenant('globex', names));
    await expect(fromJob).rejects.toThrow('inside one of a job across tenants');
  });

  it('begins anew where the outer one has ended', async () => {
    let later: Promise<string[]> = Promise.resolve([]);
    const gate = new Promise((resolve) => setTimeout(resolve, 50));
    await database.inTenant('acme', async () => {
      await database.inTenant('acme', () => {
        later = gate.then(() => namesOf('acme'));
        return Promise.resolve();
      });
    });
    expect(await later).toEqual(['mine']);
  });

  it('joins the outer one where only a joined call around it has ended', async () => {
    let left: Promise<number> = Promise.resolve(0);
    const failing = database.inTenant('left', async () => {
      const gate = new Promise((resolve) => setTimeout(resolve, 30));
      await database.inTenant('left', () => {
        left = gate.then(() => database.inTenant('left', (tx) => write(tx, 'left behind')));
        return Promise.resolve();
      });
      expect(await left).toBe(1);
      throw new Error('undo');
    });
    await expect(failing).rejects.toThrow('undo');
    expect(await namesOf('left')).toEqual([]);
  });
});

describe('work after the commit', () => {
  it('runs in order once everything is stored, and outside of the transaction', async () => {
    const seen: string[] = [];
    let fromHook: Promise<string[]> = Promise.resolve([]);
    await database.inTenant('hooks', async (tx) => {
      tx.afterCommit(() => seen.push('first'));
      await database.inTenant('hooks', async (inner) => {
        await write(inner, 'stored');
        inner.afterCommit(() => {
          seen.push('inner');
          fromHook = namesOf('hooks');
        });
      });
      tx.afterCommit(() => seen.push('last'));
      expect(seen).toEqual([]);
    });
    expect(seen).toEqual(['first', 'inner', 'last']);
    expect(await fromHook).toEqual(['stored']);
  });

  it('never runs where the transaction, or the joined call that asked for it, rolled back', async () => {
    const seen: string[] = [];
    await database.inTenant('hooks', async () => {
      const inner = database.inTenant('hooks', (tx) => {
        tx.afterCommit(() => seen.push('inner'));
        return Promise.reject(new Error('inner fails'));
      });
      await expect(inner).rejects.toThrow('inner fails');
    });
    const outer = database.inTenant('hooks', (tx) => {
      tx.afterCommit(() => seen.push('outer'));
      return Promise.reject(new Error('outer fails'));
    });
    await expect(outer).rejects.toThrow('outer fails');
    expect(seen).toEqual([]);
  });

  it('does not make the commit look failed where it throws', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const result = await database.inTenant('hooks', (tx) => {
      tx.afterCommit(() => {
        throw new Error('hook broke');
      });
      return Promise.resolve('committed');
    });
    expect(result).toBe('committed');
    expect(warn).toHaveBeenCalledWith('a hook after the commit failed: hook broke');
    warn.mockRestore();
  });
});

describe('a job across tenants', () => {
  it('sees the rows of every tenant, and shows its name to the server', async () => {
    const rows = await database.acrossTenants('quota-expiry', (tx) =>
      tx.query<{ tenants: string[]; name: string }>(
        `SELECT array_agg(DISTINCT tenant_id ORDER BY tenant_id) AS tenants, current_setting('application_name') AS name FROM note`,
      ),
    );
    expect(rows[0]?.tenants).toEqual(expect.arrayContaining(['acme', 'globex']));
    expect(rows[0]?.name).toBe('q2 notes quota-expiry');
  });

  it('joins a job that runs, and commits on its own inside a tenant’s transaction', async () => {
    const failing = database.inTenant('own', async (tx) => {
      await write(tx, 'undone');
      await database.acrossTenants('inbox', async (job) => {
        expect(job.tenant).toBeUndefined();
        await job.execute(`INSERT INTO note (tenant_id, name) VALUES ('own', 'kept')`);
        expect(await database.acrossTenants('inbox', (inner) => inner.query(`SELECT 1 FROM note WHERE tenant_id = 'own'`))).toHaveLength(1);
      });
      throw new Error('outer fails');
    });
    await expect(failing).rejects.toThrow('outer fails');
    expect(await namesOf('own')).toEqual(['kept']);
  });
});

describe('under overload', () => {
  it('refuses what does not fit, and recovers', async () => {
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const busy = [1, 2, 3].map(() => database.inTenant('acme', () => finished));
    const waiting = [1, 2].map(() => database.inTenant('acme', names));
    const refused = database.inTenant('acme', names);
    await expect(refused).rejects.toMatchObject({ kind: 'RESOURCE_EXHAUSTED', reason: 'DATABASE_POOL_EXHAUSTED', retryAfterMs: 150 });
    expect(database.pool).toEqual({ size: 3, inUse: 3, waiting: 2 });
    for (const call of waiting) await expect(call).rejects.toThrow('none came free within 300 ms');
    finish();
    await Promise.all(busy);
    expect(await namesOf('acme')).toEqual(['mine']);
    expect(database.pool).toEqual({ size: 3, inUse: 0, waiting: 0 });
  });

  it('cancels a statement that takes too long', async () => {
    await expect(database.inTenant('acme', (tx) => tx.query('SELECT pg_sleep(5)'))).rejects.toMatchObject({ kind: 'DEADLINE_EXCEEDED' });
  });
});

describe('where connections are lost', () => {
  it('begins again on another one where they broke while idle', async () => {
    await Promise.all([1, 2, 3].map(() => database.inTenant('acme', (tx) => tx.query('SELECT pg_sleep(0.05)'))));
    expect(await terminateConnections('q2 notes')).toBe(3);
    expect(await namesOf('acme')).toEqual(['mine']);
  });

  it('is unavailable where that happens during the work, and works again', async () => {
    const cut = database.inTenant('acme', async (tx) => {
      await terminateConnections('q2 notes');
      return names(tx);
    });
    await expect(cut).rejects.toMatchObject({ kind: 'UNAVAILABLE', reason: 'DATABASE_UNAVAILABLE' });
    expect(await namesOf('acme')).toEqual(['mine']);
  });

  it('says that it does not know where that happens during the commit', async () => {
    const cut = database.inTenant('acme', () => terminateConnections('q2 notes'));
    await expect(cut).rejects.toMatchObject({ kind: 'UNAVAILABLE', reason: 'DATABASE_COMMIT_UNKNOWN' });
  });
});

describe('listening', () => {
  const arrived = async (received: readonly string[], count: number) => {
    for (const deadline = Date.now() + 10_000; received.length < count && Date.now() < deadline;)
      await new Promise((r) => setTimeout(r, 10));
    return received;
  };
  const notify = (payload: string) => database.inTenant('acme', (tx) => tx.query(`SELECT pg_notify('Wake up', $1)`, [payload]));

  it('gives every notification to every listener until it stops', async () => {
    const [first, second]: [string[], string[]] = [[], []];
    const stopFirst = await database.listen('Wake up', (payload) => first.push(payload));
    const stopSecond = await database.listen('Wake up', (payload) => second.push(payload));
    await notify('one');
    await arrived(first, 1);
    await stopFirst();
    await stopFirst();
    await notify('two');
    expect(await arrived(second, 2)).toEqual(['one', 'two']);
    expect(first).toEqual(['one']);
    await stopSecond();
  });

  it('comes back after the connection was lost, and says that something may have been missed', async () => {
    const received: string[] = [];
    const stop = await database.listen('Wake up', (payload) => received.push(payload));
    expect(await terminateConnections('q2 notes listen')).toBe(1);
    expect(await arrived(received, 1)).toEqual(['']);
    await notify('again');
    expect(await arrived(received, 2)).toEqual(['', 'again']);
    await stop();
  });
});

describe('closing', () => {
  it('lets running transactions finish, refuses new ones, and may be asked twice', async () => {
    const other = await server.database(notes, { poolSize: 1 });
    await other.acrossTenants('inbox', names);
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const running = other.inTenant('closing', async (tx) => {
      await finished;
      return write(tx, 'last');
    });
    const closing = other.close();
    await expect(other.inTenant('closing', names)).rejects.toMatchObject({ kind: 'UNAVAILABLE', reason: 'DATABASE_CLOSED' });
    finish();
    expect(await running).toBe(1);
    await closing;
    await other.close();
    expect(await namesOf('closing')).toEqual(['last']);
  });
});
