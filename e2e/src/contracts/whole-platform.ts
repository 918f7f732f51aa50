import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { platformModules } from '@q2/all-in-one';
import { aTenant, startTestPlatform, type TestPlatform } from '@q2/testing';
import { RawCaller } from './raw-call.js';

/** All six services with two tenants that have nothing to do with each other. */
export interface WholePlatform {
  readonly platform: TestPlatform;
  readonly caller: RawCaller;
  stop(): Promise<void>;
}

export const acme = 'acme';
export const globex = 'globex';
export const operator = { tenant: 'platform', roles: ['operator'] };

/** Starts everything on a fresh database, with tokens of the test's own key. */
export async function startWholePlatform(): Promise<WholePlatform> {
  const folder = await mkdtemp(join(tmpdir(), 'q2-e2e-'));
  const platform = await startTestPlatform({
    modules: platformModules,
    environment: { Q2_ARTIFACTS_DIRECTORY: folder, DATABASE_POOL_SIZE: '8' },
  });
  for (const tenant of [acme, globex]) await aTenant(tenant).createIn(platform);
  const caller = new RawCaller(platform.address);
  const stop = async () => {
    caller.close();
    await platform.stop();
    await rm(folder, { recursive: true, force: true });
  };
  return { platform, caller, stop };
}
