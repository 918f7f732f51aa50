import { tenants } from '@q2/contracts';
import { ServiceClients } from '@q2/service-kit';
import { startChild, type ChildServer } from './child-server.js';
import { throughput } from './load.js';
import type { Report } from './report.js';

const load = { concurrency: 32, durationMs: 3_000 };
const rounds = 3;

/** Unary calls through the whole pipeline against bare grpc-js, in turns, so that both meet the same machine. */
export async function benchGrpc(report: Report): Promise<void> {
  const [bare, chain] = await Promise.all([startChild('./bare-server.main.js'), startChild('./chain-server.main.js')]);
  const measured = { bare: 0, chain: 0 };
  for (let round = 0; round <= rounds; round += 1) {
    const bareRate = await measure(bare);
    const chainRate = await measure(chain);
    // The first round warms both up.
    if (round > 0) {
      measured.bare += bareRate / rounds;
      measured.chain += chainRate / rounds;
    }
  }
  await Promise.all([bare.stop(), chain.stop()]);
  const share = measured.chain / measured.bare;
  report.add({
    name: 'gRPC unary, concurrency 32',
    measured: `${Math.round(measured.chain)} calls/s through the pipeline, ${Math.round(measured.bare)} bare: ${(share * 100).toFixed(0)} %`,
    goal: 'at least 50 % of bare grpc-js',
    isMet: share >= 0.5,
  });
}

async function measure(server: ChildServer): Promise<number> {
  const { token } = server;
  const clients = new ServiceClients(() => server.address, token === undefined ? undefined : { token: () => Promise.resolve(token) });
  const client = clients.get(tenants.QuotaService);
  const rate = await throughput(() => client.checkLimit({ parent: 'tenants/bench', resource: 'models', amount: 1n }), load);
  clients.close();
  return rate;
}
