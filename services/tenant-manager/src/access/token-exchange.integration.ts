import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tenants } from '@q2/contracts';
import { ResourceExhausted } from '@q2/errors';
import { TokenVerifier } from '@q2/service-kit';
import { startTestPlatform, type TestPlatform, type TestPrincipal } from '@q2/testing';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { TenantManagerModule } from '../tenant-manager.module.js';
import { operator } from '../testing/tenant-builder.testing.js';
import { TestClock } from '../testing/test-clock.testing.js';
import { newApiKey, formatApiKey } from './api-key.js';
import { SigningKeysService } from './signing-keys.service.js';

let platform: TestPlatform;
let directory: string;
const clock = new TestClock();
const access = () => platform.client(tenants.AccessService);
const exchange = (apiKey: string) => access().issueToken({ credential: { case: 'apiKey', value: apiKey } });
const serve = (service: string, secret: string) => access().issueToken({ credential: { case: 'service', value: { service, secret } } });
const reasonIs = (reason: string) => expect.objectContaining({ reason });
const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

const aKey = async () => {
  const apiKey = { displayName: 'key', roles: ['viewer'] };
  return (await platform.client(tenants.AccessService, operator).createApiKey({ parent: 'tenants/platform', apiKey })).secret;
};
const verify = (token: string) =>
  new TokenVerifier(
    () => access().getJwks({}),
    () => clock.now().getTime(),
  ).verify(token);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'q2-keys-'));
  platform = await startTestPlatform({ modules: [TenantManagerModule], clock, environment: { Q2_SERVICE_KEYS_DIRECTORY: directory } });
});
afterAll(async () => {
  await platform.stop();
  await rm(directory, { recursive: true });
});

describe('a service of the platform', () => {
  const secret = 's'.repeat(43);

  it('proves itself by its key file', async () => {
    await writeFile(join(directory, 'scheduler.key'), `${secret}\n`, { mode: 0o600 });
    const { accessToken } = await serve('scheduler', secret);
    expect(await verify(accessToken)).toMatchObject({ id: 'services/scheduler', tenant: 'platform', roles: ['service:scheduler'] });
  });

  it('is refused with another secret, without a file, or with one that holds hardly anything', async () => {
    await writeFile(join(directory, 'monitoring.key'), 'short');
    await expect(serve('monitoring', 'short')).rejects.toThrow(reasonIs('CREDENTIAL_REFUSED'));
    await expect(serve('ab-testing', secret)).rejects.toThrow(reasonIs('CREDENTIAL_REFUSED'));
    await expect(serve('scheduler', `${secret}x`)).rejects.toThrow(reasonIs('CREDENTIAL_REFUSED'));
  });

  it('is let in with the right secret while others guess', async () => {
    await writeFile(join(directory, 'guessed.key'), secret);
    const guesses = [];
    for (let guess = 0; guess < 8; guess += 1) guesses.push(await serve('guessed', `${secret}${guess}`).catch((error: unknown) => error));
    expect(guesses.at(-1)).toMatchObject({ reason: 'TOO_MANY_FAILURES' });
    expect((await serve('guessed', secret)).tokenType).toBe('Bearer');
    clock.advance(10 * minuteMs);
  });
});

describe('guessing', () => {
  it('is slowed per key, even for the right secret, until the wait is over', async () => {
    const right = await aKey();
    const wrong = `${right.slice(0, -1)}${right.endsWith('A') ? 'B' : 'A'}`;
    const guesses = await Promise.all(Array.from({ length: 30 }, () => exchange(wrong).catch((error: unknown) => error)));
    const slowed = guesses.filter((error) => error instanceof ResourceExhausted);
    expect(slowed.length).toBeGreaterThanOrEqual(23);
    const refused = await exchange(right).catch((error: unknown) => error);
    expect(refused).toMatchObject({ reason: 'TOO_MANY_FAILURES', retryAfterMs: expect.any(Number) });
    clock.advance(5_000);
    expect((await exchange(right)).accessToken).not.toBe('');
  });

  it('does not slow a service of the platform that asks about keys of others, nor believe others that they are one', async () => {
    const right = await aKey();
    const wrong = `${right.slice(0, -1)}${right.endsWith('A') ? 'B' : 'A'}`;
    const ask = (apiKey: string, as: TestPrincipal) =>
      platform.client(tenants.AccessService, as).issueToken({ credential: { case: 'apiKey', value: apiKey } });
    const monitoring = { tenant: 'platform', roles: ['service:monitoring'] };
    for (let guess = 0; guess < 60; guess += 1) await expect(ask(wrong, monitoring)).rejects.toThrow(reasonIs('CREDENTIAL_REFUSED'));
    expect((await ask(right, monitoring)).accessToken).not.toBe('');
    const pretenders = [{ tenant: 'acme', roles: ['service:monitoring'] }, operator, { ...monitoring, expiresInSeconds: -1 }];
    const outcomes: unknown[] = [];
    for (let guess = 0; guess < 8; guess += 1)
      for (const as of pretenders) outcomes.push(await ask(wrong, as).catch((error: unknown) => error));
    expect(outcomes.at(-1)).toMatchObject({ reason: 'TOO_MANY_FAILURES' });
    clock.advance(10 * minuteMs);
  });

  it('is slowed per address, whatever the keys guessed, and without touching memory without bound', async () => {
    const outcomes: unknown[] = [];
    for (let guess = 0; guess < 60; guess += 1) outcomes.push(await exchange(formatApiKey(newApiKey())).catch((error: unknown) => error));
    expect(outcomes[0]).toMatchObject({ reason: 'CREDENTIAL_REFUSED' });
    expect(outcomes.at(-1)).toMatchObject({ reason: 'TOO_MANY_FAILURES' });
    clock.advance(2 * minuteMs);
    expect((await exchange(await aKey())).accessToken).not.toBe('');
  });

  it('is told nothing of what was wrong', async () => {
    const right = await aKey();
    const messages = await Promise.all(
      ['no key at all', formatApiKey(newApiKey()), `${right.slice(0, -2)}__`].map((text) =>
        exchange(text).catch((error: unknown) => String(error)),
      ),
    );
    expect(new Set(messages).size).toBe(1);
  });
});

describe('a token', () => {
  it('is an EdDSA JWT with the claims that services check', async () => {
    const { accessToken } = await exchange(await aKey());
    const keys = await access().getJwks({});
    const { payload, protectedHeader } = await jwtVerify(accessToken, createLocalJWKSet(keys), {
      issuer: 'q2',
      audience: 'q2',
      currentDate: clock.now(),
    });
    expect(protectedHeader).toEqual({ alg: 'EdDSA', typ: 'JWT', kid: keys.keys[0]?.kid });
    expect(payload).toMatchObject({ tenant: 'platform', roles: ['viewer'], permissions: [], jti: expect.any(String) });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(900);
  });

  it('is verified by keys that are served over HTTP too', async () => {
    const response = await fetch(`http://127.0.0.1:${platform.process.httpPort}/.well-known/jwks.json`);
    expect(response.headers.get('content-type')).toBe('application/jwk-set+json');
    const { keys } = await access().getJwks({});
    expect(await response.json()).toEqual({ keys: keys.map(({ kty, crv, x, kid, alg, use }) => ({ kty, crv, x, kid, alg, use })) });
  });

  it('outlives the rotation of the key that signed it, and the old key is gone afterwards', async () => {
    const keys = platform.get(SigningKeysService);
    clock.advance(30 * dayMs);
    const secret = await aKey();
    const before = await exchange(secret);
    await keys.rotateIfDue();
    await keys.rotateIfDue();
    expect((await keys.jwks()).keys).toHaveLength(2);
    clock.advance(14 * minuteMs);
    const last = await exchange(secret);
    clock.advance(2 * minuteMs);
    const after = await exchange(secret);
    expect(decodeProtectedHeader(last.accessToken).kid).toBe(decodeProtectedHeader(before.accessToken).kid);
    expect(decodeProtectedHeader(after.accessToken).kid).not.toBe(decodeProtectedHeader(before.accessToken).kid);
    expect((await verify(last.accessToken)).tenant).toBe('platform');
    clock.advance(30 * dayMs);
    await keys.rotateIfDue();
    expect((await keys.jwks()).keys.map(({ kid }) => kid)).not.toContain(decodeProtectedHeader(before.accessToken).kid);
  });
});
