import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '@bufbuild/protobuf';
import { cutConnections } from './faults.js';
import type { TestPlatform } from './platform.js';
import { Producer, type ProducedRecord } from './producer.js';
import { TestTokens, type TestPrincipal } from './test-tokens.js';

/** What a service's ingress topic is tested with. */
export interface IngressUnderTest {
  readonly platform: TestPlatform;
  readonly topic: string;
  /** Message that the body is. */
  readonly type: string;
  /** A body that leaves one effect, a different one each time. */
  body(tenant: string): JsonObject;
  /** How many effects there are in a tenant. */
  effects(tenant: string): Promise<number>;
  /** A body with a field of a wrong type, one with a value out of bounds, and what each problem says. */
  readonly wrongType: { body(tenant: string): JsonObject; says: string };
  readonly outOfBounds: { body(tenant: string): JsonObject; says: string };
}

const producer = { tenant: 'acme', roles: ['producer'] };

/**
 * What holds for every topic that producers outside publish to, in an active tenant `acme` and another one, `globex`. The
 * platform has a ProducerModule.
 */
export function ingressContract(setup: () => IngressUnderTest): void {
  const records = () => setup().platform.get(Producer);
  const tokenOf = (principal: TestPrincipal) => setup().platform.token(principal);

  async function aRecord(change: Partial<ProducedRecord> = {}): Promise<ProducedRecord> {
    const { topic, type, body } = setup();
    return { topic, type, tenant: 'acme', credential: await tokenOf(producer), body: body('acme'), key: 'k', ...change };
  }

  const accepted = (count: number, work: () => Promise<unknown>) => records().untilSettled(setup().topic, count, work);

  /** Sends records that must change nothing, and one behind them that must count; gives the dead letters of the first. */
  async function refusedAll(changes: readonly Partial<ProducedRecord>[], tenants: readonly string[] = ['acme', 'globex']) {
    const before = await Promise.all(tenants.map((tenant) => setup().effects(tenant)));
    const bad = await Promise.all(changes.map((change) => aRecord({ source: `/bad/${randomUUID()}`, ...change })));
    const good = await aRecord();
    await accepted(1, async () => {
      for (const record of [...bad, good]) await records().send(record);
    });
    const after = await Promise.all(tenants.map((tenant) => setup().effects(tenant)));
    expect(after).toEqual(before.map((effects, index) => effects + (tenants[index] === 'acme' ? 1 : 0)));
    return Promise.all(bad.map((record) => letterOf(record)));
  }

  async function letterOf({ source = '', credential, topic }: ProducedRecord) {
    const letter = await records().deadLetterFrom(source);
    expect(JSON.stringify(letter.headers)).not.toContain(credential);
    expect(Buffer.from(letter.value).toString('latin1')).not.toContain(credential);
    const { dlq_reason: reason = '', dlq_error: error = '' } = letter.headers;
    expect(await records().counted(topic, 'refused', reason)).toBeGreaterThan(0);
    return { reason, error, letter };
  }

  async function refused(change: Partial<ProducedRecord>, tenants?: readonly string[]) {
    const [outcome] = await refusedAll([change], tenants);
    if (outcome === undefined) throw new Error('one record has one outcome');
    return outcome;
  }

  it('acts on a record as on a call, and keeps the order of a key', async () => {
    const before = await setup().effects('acme');
    await accepted(3, async () => {
      for (let sent = 0; sent < 3; sent += 1) await records().send(await aRecord());
    });
    expect(await setup().effects('acme')).toBe(before + 3);
  });

  it('counts an event once, however often it comes, and tells events of other sources apart', async () => {
    const before = await setup().effects('acme');
    const { topic } = setup();
    const one = await aRecord({ id: 'e-1', source: '/once' });
    const other = await aRecord({ id: 'e-1', source: '/other' });
    await accepted(2, async () => {
      for (const record of [one, one, other]) await records().send(record);
    });
    await records().untilSettled(topic, 2, () => Promise.all([one, other].map((record) => records().send(record))), 'duplicate');
    expect(await setup().effects('acme')).toBe(before + 2);
  });

  it('refuses a record whose headers are not as they must be, naming the header and what it must be', async () => {
    const wrong = [
      [{ authorization: undefined }, 'authorization: must be Bearer'],
      [{ authorization: 'Basic YTpi' }, 'authorization: must be Bearer'],
      [{ q2_tenant: undefined }, 'q2_tenant: must be the id of a tenant'],
      [{ q2_tenant: '../acme' }, 'q2_tenant: must be the id of a tenant'],
      [{ ce_id: undefined }, 'ce_id: must be 1 to 200 characters'],
      [{ ce_specversion: '0.3' }, 'ce_specversion: must be 1.0'],
      [{ 'content-type': 'application/protobuf' }, 'content-type: must be application/json'],
      [{ ce_time: '2026-13-45T00:00:00Z' }, 'ce_time: must be an RFC 3339 time'],
    ] as const;
    const outcomes = await refusedAll(wrong.map(([headers]) => ({ headers })));
    expect(outcomes).toMatchObject(wrong.map(([, says]) => ({ reason: 'HEADERS_INVALID', error: expect.stringContaining(says) })));
  });

  it('names every wrong header at once', async () => {
    const { error } = await refused({ headers: { ce_id: undefined, q2_tenant: 'NO', authorization: undefined } });
    expect(error).toMatch(/ce_id: .*; q2_tenant: .*; authorization: /);
  });

  it('refuses forged and expired tokens, and texts that are none', async () => {
    const forger = await TestTokens.create();
    const credentials = [
      [await forger.sign(producer), 'TOKEN_INVALID'],
      [await tokenOf({ ...producer, audience: 'another' }), 'TOKEN_INVALID'],
      ['nonsense', 'TOKEN_INVALID'],
      [await tokenOf({ ...producer, expiresInSeconds: -5 }), 'TOKEN_EXPIRED'],
      ['q2_made-up', 'CREDENTIAL_REFUSED'],
    ] as const;
    const outcomes = await refusedAll(credentials.map(([credential]) => ({ credential })));
    expect(outcomes).toMatchObject(credentials.map(([, reason]) => ({ reason })));
  });

  it('refuses who may not do this', async () => {
    const credential = await tokenOf({ tenant: 'acme', roles: ['viewer'] });
    expect(await refused({ credential })).toMatchObject({ reason: 'PERMISSION_MISSING' });
  });

  it("lets nobody into another's tenant: not by the header, not by the body, not by both", async () => {
    const stranger = await tokenOf({ tenant: 'globex', roles: ['producer', 'editor', 'admin'] });
    expect(await refused({ credential: stranger })).toMatchObject({ reason: 'TENANT_NOT_REACHABLE' });
    const attempts = [{ tenant: 'globex' }, { body: setup().body('globex') }, { tenant: 'globex', body: setup().body('globex') }];
    for (const { reason } of await refusedAll(attempts)) expect(['TENANT_MISMATCH', 'TENANT_NOT_REACHABLE']).toContain(reason);
    const operator = await tokenOf({ tenant: 'platform', roles: ['operator'] });
    expect(await refused({ credential: operator, body: setup().body('globex') })).toMatchObject({ reason: 'TENANT_MISMATCH' });
  });

  it('refuses a body that is not JSON, too large, nested without end, or no text', async () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    const outcomes = await refusedAll(['{"half": ', '', '[]', deep].map((body) => ({ body })));
    expect(outcomes.map(({ reason }) => reason)).toEqual(['BODY_NOT_JSON', 'BODY_NOT_JSON', 'BODY_INVALID', 'BODY_INVALID']);
    const { letter, ...large } = await refused({ body: JSON.stringify({ ...setup().body('acme'), filler: 'x'.repeat(600_000) }) });
    expect(large).toMatchObject({ reason: 'BODY_TOO_LARGE', error: expect.stringContaining('at most 524288 bytes') });
    expect([letter.value.byteLength, Number(letter.headers['q2_body_bytes'])]).toEqual([0, expect.any(Number)]);
  });

  it('refuses fields that are unknown, of a wrong type or out of bounds, naming them', async () => {
    const { wrongType, outOfBounds, body } = setup();
    const bodies = [{ ...body('acme'), nonsense: 1 }, wrongType.body('acme'), outOfBounds.body('acme')];
    expect(await refusedAll(bodies.map((wrong) => ({ body: wrong })))).toMatchObject([
      { reason: 'BODY_INVALID', error: expect.stringContaining('nonsense') },
      { reason: 'BODY_INVALID', error: expect.stringContaining(wrongType.says) },
      { reason: 'INVALID_FIELDS', error: expect.stringContaining(outOfBounds.says) },
    ]);
  });

  it('refuses a type that the topic does not take, naming those it does', async () => {
    expect(await refused({ type: 'q2.models.v1.PromoteVersionRequest' })).toMatchObject({
      reason: 'TYPE_UNKNOWN',
      error: expect.stringContaining(setup().type),
    });
  });

  it('takes credentials out of dead letters wherever a producer put them', async () => {
    const credential = await tokenOf(producer);
    const key = `q2_k${'a'.repeat(15)}_${'B'.repeat(43)}`;
    const headers = { ce_subject: key, 'x-api-key': key, ce_type: 'q2.Unknown' };
    const { letter } = await refused({ credential, headers, body: { note: `mine is ${key}`, token: credential }, key: `of ${key}` });
    const shown = `${letter.key} ${JSON.stringify(letter.headers)} ${Buffer.from(letter.value).toString()}`;
    expect(shown).not.toContain(key);
    expect(shown).toContain('mine is [removed]');
    expect(Object.keys(letter.headers)).not.toContain('x-api-key');
  });

  it('refuses what comes for a suspended tenant, and goes on with the others', async () => {
    const hooli = { tenant: 'hooli', roles: ['producer'] };
    await records().announceTenant('hooli', 'SUSPENDED');
    const credential = await tokenOf(hooli);
    while (!(await isSuspended(credential))) await sleep(50);
    expect(await refused({ tenant: 'hooli', credential, body: setup().body('hooli') }, ['acme', 'hooli'])).toMatchObject({
      reason: 'TENANT_NOT_ACTIVE',
    });
  });

  /** Asks with a record that is refused either way: the news takes a moment. */
  async function isSuspended(credential: string): Promise<boolean> {
    const source = `/probe/${randomUUID()}`;
    await records().send(await aRecord({ tenant: 'hooli', credential, source, body: setup().outOfBounds.body('hooli') }));
    return (await records().deadLetterFrom(source)).headers['dlq_reason'] === 'TENANT_NOT_ACTIVE';
  }

  it('loses nothing and counts nothing twice where connections to the database are cut', async () => {
    const before = await setup().effects('acme');
    const sent = await Promise.all(Array.from({ length: 30 }, () => aRecord({ key: '' })));
    await accepted(30, async () => {
      for (const [index, record] of sent.entries()) {
        await publishPatiently(record);
        if (index % 10 === 5) await cutConnections(setup().platform.databaseUrl);
      }
    });
    expect(await setup().effects('acme')).toBe(before + 30);
  });

  /** The bus of these tests is on the same database: a producer whose publish fails tries again, as with any broker. */
  async function publishPatiently(record: ProducedRecord): Promise<void> {
    const id = randomUUID();
    for (let attempt = 1; ; attempt += 1) {
      try {
        await records().send({ ...record, id });
        return;
      } catch (error) {
        if (attempt === 50) throw error;
        await sleep(100);
      }
    }
  }
}
