import { readFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tenants } from '@q2/contracts';
import { crashPoints } from '@q2/database';
import { patiently, until } from '../demo/patience.js';
import { signIn } from '../demo/sign-in.js';
import { keyFile, mustStart } from '../process/running-platform.js';
import { uuidOf } from './random.js';

const plan = 'plans/free';
/** A start takes fewer transactions than this, and the loops of a running platform soon more. */
const pastTheStart = 400;

describe('a crash point', () => {
  let home = '';

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'q2-crash-'));
    await (await mustStart(home)).end('SIGTERM');
  }, 120_000);
  afterAll(() => rm(home, { recursive: true, force: true }));

  it.each(crashPoints)(
    '%s is passed and kills the process, after which a repeated request has its effect once',
    async (point) => {
      const crashing = await mustStart(home, { Q2_CRASH_POINT: `${point}:${point === 'transaction.before-commit' ? pastTheStart : 1}` });
      const clients = signIn(crashing.grpcAddress, (await readFile(keyFile(home), 'utf8')).trim());
      const tenantId = point.replace('.', '-');
      const request = {
        ...{ parent: 'tenants/platform', tenantId, tenant: { displayName: point, plan } },
        requestId: uuidOf('crash point', point),
      };
      const creating = patiently(() => clients.get(tenants.TenantService).createTenant(request));
      // Where the point lies before the commit the answer comes from the next process, and elsewhere it may.
      if (point === 'process.during-shutdown') await creating;
      expect(await (point === 'process.during-shutdown' ? crashing.end('SIGTERM') : crashing.ended)).toBe('SIGKILL');
      const healed = await mustStart(home, { GRPC_ADDRESS: crashing.grpcAddress });
      try {
        expect(await creating).toMatchObject({ name: `tenants/${tenantId}`, displayName: point });
        const entries = await until('the audit entry', async () => {
          const listed = await clients.get(tenants.AuditService).listEntries({ parent: 'tenants/platform', pageSize: 1_000 });
          const own = listed.entries.filter(({ contentJson }) => contentJson.includes(request.requestId));
          return own.length > 0 ? own : undefined;
        });
        expect(entries).toHaveLength(1);
      } finally {
        clients.close();
        await healed.end('SIGTERM');
      }
    },
    60_000,
  );
});
