import { type ClusterMode, findCluster, type Machine } from './cluster-source.js';

/** The machine that tests run on. */
export function thisMachine(): Machine {
  return { environment: process.env, isRoot: process.getuid?.() === 0 };
}

/** `describe` for tests that need Kubernetes. Where there is none they are skipped with a line that says why; under `CI=true` they fail. */
export function describeWithCluster(name: string, mode: ClusterMode, body: () => void): void {
  const source = findCluster(mode, thisMachine());
  describeUnless(source.kind === 'none' ? source.reason : undefined, name, body);
}

/** As describeWithCluster, for tests that kill its servers: a cluster that is not theirs won't do. */
export function describeWithOwnCluster(name: string, mode: ClusterMode, body: () => void): void {
  const source = findCluster(mode, thisMachine());
  const reason = source.kind === 'none' ? source.reason : 'it breaks the cluster, and the one that KUBECONFIG names is not its own';
  describeUnless(source.kind === 'script' ? undefined : reason, name, body);
}

function describeUnless(obstacle: string | undefined, name: string, body: () => void): void {
  if (obstacle === undefined) describe(name, body);
  else if (process.env['CI'] === 'true') describe(name, () => it('runs', () => Promise.reject(new Error(obstacle))));
  else {
    process.stderr.write(`skipped: ${name}: ${obstacle}\n`);
    describe.skip(name, body);
  }
}
