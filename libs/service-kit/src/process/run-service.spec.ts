import { z } from 'zod';
import { wholeNumber } from './configuration.js';
import { serviceSettings } from './run-service.js';

describe('serviceSettings', () => {
  const options = {
    settings: z.object({ SIZE: wholeNumber({ min: 1, max: 9, fallback: 3 }) }),
    peers: ['TENANT_MANAGER_ADDRESS'] as const,
  };
  const complete = { DATABASE_URL: 'postgres://db/q2', TENANT_MANAGER_ADDRESS: 'one:1,two:2' };

  it('reads what every process is told, and the database', () => {
    const { settings, databaseUrl } = serviceSettings(options, { ...complete, GRPC_ADDRESS: '0.0.0.0:1' });
    expect([databaseUrl, settings.GRPC_ADDRESS, settings.TENANT_MANAGER_ADDRESS]).toEqual(['postgres://db/q2', '0.0.0.0:1', 'one:1,two:2']);
  });

  it('names in one message what is missing, and what is wrong in settings of every process and of the service', () => {
    expect(() => serviceSettings(options, { SIZE: '10', GRPC_ADDRESS: 'x' })).toThrow(
      /DATABASE_URL: must be set.*TENANT_MANAGER_ADDRESS: must be set.*SIZE: .*GRPC_ADDRESS: /,
    );
    expect(() => serviceSettings(options, { DATABASE_URL: complete.DATABASE_URL })).toThrow(/^settings are wrong: TENANT_MANAGER_ADDRESS/);
    expect(() => serviceSettings({}, {})).toThrow(/DATABASE_URL/);
  });

  it.each(['one', 'one:1,', 'one:1 two:2', 'one:1,two'])('refuses %s as addresses', (TENANT_MANAGER_ADDRESS) => {
    expect(() => serviceSettings(options, { ...complete, TENANT_MANAGER_ADDRESS })).toThrow(/TENANT_MANAGER_ADDRESS: must be host:port/);
  });
});
