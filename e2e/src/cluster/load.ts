import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { CallReport } from './call-counts.js';
import type { OneNodeCluster } from './one-node-cluster.js';

const callReport = z.object({ succeeded: z.number(), failed: z.number(), failures: z.record(z.string(), z.number()) });
const writeReport = z.object({ written: z.number(), lost: z.array(z.string()) });

/** Calls that go on while the cluster is changed. */
export interface Load {
  /** What came of the calls since the last time. */
  report(phase: string): Promise<CallReport>;
  /** Ends the calls, and tells which acknowledged writes are gone. */
  end(): Promise<z.infer<typeof writeReport>>;
}

/** Starts calls to all services from outside the platform's pods; resolves when they flow. */
export async function startLoad(cluster: OneNodeCluster, environment: Readonly<Record<string, string>>): Promise<Load> {
  const program = fileURLToPath(new URL('load.main.js', import.meta.url));
  const child = cluster.startOnNode(process.execPath, [program], environment);
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) throw new Error('the load has no pipes');
  let problems = '';
  stderr.on('data', (chunk: Buffer) => (problems += chunk.toString()));
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  const nextLine = async () => {
    const next = await lines.next();
    if (next.done === true) throw new Error(`the load ended: ${problems}`);
    return z.string().parse(next.value);
  };
  const first = await nextLine();
  if (first !== 'started') throw new Error(`the load said ${first}`);
  return {
    report: async (phase) => {
      stdin.write(`${phase}\n`);
      return callReport.parse(JSON.parse(await nextLine()));
    },
    end: async () => {
      stdin.end();
      return writeReport.parse(JSON.parse(await nextLine()));
    },
  };
}
