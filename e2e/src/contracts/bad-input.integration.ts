import { allServices, methodPolicy, roleMayCall } from '@q2/contracts';
import { badRequests } from './bad-requests.js';
import { acme, operator, startWholePlatform, type WholePlatform } from './whole-platform.js';

const methods = allServices
  .flatMap((service) => service.methods)
  .map((method) => [`${method.parent.typeName}/${method.name}`, method] as const);

/** `variants[0].weight` and `labels key` are named in full; a fault planted in `variants` may be found inside of it. */
function names(fields: readonly string[], field: string): boolean {
  const plain = fields.map((name) => name.replace(/\[[^\]]*\]/g, ''));
  return plain.some((name) => name === field || name.startsWith(`${field}.`) || name.startsWith(`${field} `));
}

describe('bad input', () => {
  let whole: WholePlatform;

  beforeAll(async () => {
    whole = await startWholePlatform();
  });
  afterAll(() => whole.stop());

  it.each(methods)('%s names each field that is out of bounds', async (_, method) => {
    const isPublic = methodPolicy(method).public;
    const principals = [
      { tenant: acme, roles: ['admin', 'producer'] },
      operator,
      { tenant: 'platform', roles: methodPolicy(method).services.map((name) => `service:${name}`) },
    ];
    const permitted = principals.find(({ roles }) => roles.some((role) => roleMayCall(role, methodPolicy(method)))) ?? operator;
    const token = isPublic ? undefined : await whole.platform.token(permitted);
    const wrong: string[] = [];
    for (const { field, fault, request } of badRequests(method.input, { tenant: acme })) {
      const outcome = await whole.caller.call(method, request, token);
      if (outcome.code !== 'INVALID_ARGUMENT' || !names(outcome.fields, field))
        wrong.push(`${field} ${fault}: ${outcome.code} ${outcome.details} [${outcome.fields.join(', ')}]`);
    }
    expect(wrong).toEqual([]);
  });
});
