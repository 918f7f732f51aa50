import { allServices, methodPolicy, namesTenantResource, options, tenantReader } from '@q2/contracts';
import type { DescMethod } from '@bufbuild/protobuf';
import { TestTokens } from '@q2/testing';
import { sampleRequest } from './sample-request.js';
import { acme, globex, startWholePlatform, type WholePlatform } from './whole-platform.js';

const methods = allServices
  .flatMap((service) => service.methods)
  .map((method) => [`${method.parent.typeName}/${method.name}`, method] as const);
const guarded = methods.filter(([, method]) => !methodPolicy(method).public);
const ofTenants = guarded.filter(([, method]) => tenantReader(method.input));
const aboveViewer = guarded.filter(([, method]) => methodPolicy(method).grantedTo !== options.Role.VIEWER);

const requestTo = (method: DescMethod, tenant: string) => sampleRequest(method.input, { tenant });

/** A token as a forger would make it: claims that are right, without a signature. */
function unsignedToken(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.`;
}

describe('every method of every service', () => {
  let whole: WholePlatform;
  let forger: TestTokens;

  beforeAll(async () => {
    whole = await startWholePlatform();
    forger = await TestTokens.create();
  });
  afterAll(() => whole.stop());

  it('is found in the contracts', () => {
    expect(methods.length).toBeGreaterThan(80);
    expect(ofTenants.length).toBeGreaterThan(70);
    expect(allServices.flatMap((service) => service.methods).some((method) => method.input.fields.some(namesTenantResource))).toBe(true);
  });

  it.each(guarded)('%s refuses a call without a token', async (_, method) => {
    const outcome = await whole.caller.call(method, requestTo(method, acme));
    expect(outcome).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'TOKEN_MISSING' });
  });

  it.each(guarded)('%s refuses expired and forged tokens', async (_, method) => {
    const admin = { tenant: acme, roles: ['admin', 'operator'] };
    const claims = { sub: 'x', ...admin, iss: 'q2', aud: 'q2', exp: Math.floor(Date.now() / 1000) + 600 };
    const tokens = [
      await whole.platform.token({ ...admin, expiresInSeconds: -10 }),
      await whole.platform.token({ ...admin, audience: 'another' }),
      await forger.sign(admin),
      unsignedToken(claims),
    ];
    for (const token of tokens) expect((await whole.caller.call(method, requestTo(method, acme), token)).code).toBe('UNAUTHENTICATED');
  });

  it.each(ofTenants)("%s refuses another tenant's admin", async (_, method) => {
    const token = await whole.platform.token({ tenant: globex, roles: ['admin'] });
    expect((await whole.caller.call(method, requestTo(method, acme), token)).code).toBe('PERMISSION_DENIED');
  });

  it.each(aboveViewer)('%s refuses a viewer', async (_, method) => {
    const token = await whole.platform.token({ tenant: acme, roles: ['viewer'] });
    expect(await whole.caller.call(method, requestTo(method, acme), token)).toMatchObject({
      code: 'PERMISSION_DENIED',
      reason: 'PERMISSION_MISSING',
    });
  });

  it.each(ofTenants)('%s never answers INTERNAL to a request within its bounds', async (_, method) => {
    const token = await whole.platform.token({ tenant: acme, roles: ['admin'] });
    const outcome = await whole.caller.call(method, requestTo(method, acme), token);
    expect(['INTERNAL', 'UNKNOWN', 'UNAUTHENTICATED', 'UNIMPLEMENTED']).not.toContain(outcome.code);
  });
});
