import { Unavailable } from '@q2/errors';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JSONWebKeySet } from 'jose';
import { TokenVerifier } from './token-verifier.js';

const start = Date.parse('2026-01-01T00:00:00Z');

async function issuer(kid: string) {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  const jwks: JSONWebKeySet = { keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'EdDSA' }] };
  return { jwks, sign: (claims: object = {}) => sign(privateKey, kid, claims) };
}

function sign(key: CryptoKey, kid: string, claims: object): Promise<string> {
  return new SignJWT({ sub: 'k', tenant: 'acme', roles: ['viewer'], iss: 'q2', aud: 'q2', exp: start / 1000 + 600, ...claims })
    .setProtectedHeader({ alg: 'EdDSA', kid })
    .sign(key);
}

describe('TokenVerifier', () => {
  it('reads who calls from a token, fetching keys once', async () => {
    const { jwks, sign } = await issuer('a');
    let fetches = 0;
    const verifier = new TokenVerifier(
      () => Promise.resolve((fetches++, jwks)),
      () => start,
    );
    const token = await sign();
    const [first, second] = [await verifier.verify(token), await verifier.verify(token)];
    expect(first).toMatchObject({ id: 'k', tenant: 'acme', roles: ['viewer'] });
    expect(second).toBe(first);
    expect(fetches).toBe(1);
  });

  it('forgets a token when its time is over', async () => {
    const { jwks, sign } = await issuer('a');
    let now = start;
    const verifier = new TokenVerifier(
      () => Promise.resolve(jwks),
      () => now,
    );
    const token = await sign();
    await verifier.verify(token);
    now = start + 601_000;
    await expect(verifier.verify(token)).rejects.toMatchObject({ reason: 'TOKEN_EXPIRED' });
  });

  it('judges a token at the time that it was sent, where that is told', async () => {
    const { jwks, sign } = await issuer('a');
    const verifier = new TokenVerifier(
      () => Promise.resolve(jwks),
      () => start + 3_600_000,
    );
    const token = await sign();
    await expect(verifier.verify(token)).rejects.toMatchObject({ reason: 'TOKEN_EXPIRED' });
    await expect(verifier.verify(token, start + 599_000)).resolves.toMatchObject({ id: 'k' });
    await expect(verifier.verify(token, start + 601_000)).rejects.toMatchObject({ reason: 'TOKEN_EXPIRED' });
  });

  it.each([
    ['another issuer', { iss: 'x' }],
    ['another audience', { aud: 'x' }],
    ['no tenant', { tenant: undefined }],
    ['roles of a wrong form', { roles: 'admin' }],
  ])('refuses a token of %s', async (_, claims) => {
    const { jwks, sign } = await issuer('a');
    const verifier = new TokenVerifier(
      () => Promise.resolve(jwks),
      () => start,
    );
    await expect(verifier.verify(await sign(claims))).rejects.toMatchObject({ reason: 'TOKEN_INVALID' });
  });

  it('fetches again for a key it does not know, but not for each forged token', async () => {
    const [old, next] = [await issuer('old'), await issuer('next')];
    let now = start;
    let fetches = 0;
    const current = { keys: old.jwks };
    const verifier = new TokenVerifier(
      () => Promise.resolve((fetches++, current.keys)),
      () => now,
    );
    await verifier.verify(await old.sign());
    current.keys = { keys: [...old.jwks.keys, ...next.jwks.keys] };
    const token = await next.sign();
    await expect(verifier.verify(token)).rejects.toMatchObject({ reason: 'TOKEN_INVALID' });
    expect(fetches).toBe(1);
    now += 1_500;
    await expect(verifier.verify(token)).resolves.toMatchObject({ tenant: 'acme' });
    expect(fetches).toBe(2);
  });

  it('goes on verifying known keys while the issuer is away, and says UNAVAILABLE for unknown ones', async () => {
    const { jwks, sign } = await issuer('a');
    let now = start;
    let isAway = false;
    const verifier = new TokenVerifier(
      () => (isAway ? Promise.reject(new Unavailable('AWAY', 'away')) : Promise.resolve(jwks)),
      () => now,
    );
    await verifier.verify(await sign());
    isAway = true;
    now += 6 * 60_000;
    await expect(verifier.verify(await sign({ sub: 'other' }))).resolves.toMatchObject({ id: 'other' });
    const stranger = await issuer('b');
    await expect(verifier.verify(await stranger.sign())).rejects.toMatchObject({ kind: 'UNAVAILABLE' });
  });
});
