import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What of a cluster a test needs: its API alone, or nodes that run pods. */
export type ClusterMode = 'control' | 'full';

/** Where tests get their cluster from. */
export type ClusterSource =
  | { readonly kind: 'script'; readonly script: string }
  | { readonly kind: 'cluster'; readonly kubeconfig: string }
  | { readonly kind: 'none'; readonly reason: string };

/** What this machine is, as far as it matters. */
export interface Machine {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly isRoot: boolean;
}

/** Programs that a node needs besides those that the script brings, and Debian's packages of them. */
const nodePrograms = ['containerd', 'runc', 'ctr', 'iptables', 'conntrack', 'ip', 'zstd'];
const controlPrograms = ['zstd'];

/**
 * Finds a cluster for tests: one of their own started by `kubernetes/cluster.sh` in the folder that `Q2_TOOLS` names, or else
 * the one of the file that `KUBECONFIG` names.
 */
export function findCluster(mode: ClusterMode, { environment, isRoot }: Machine): ClusterSource {
  const { Q2_TOOLS: tools = '', KUBECONFIG: kubeconfig = '' } = environment;
  const script = join(tools, 'kubernetes', 'cluster.sh');
  const missing = (mode === 'full' ? nodePrograms : controlPrograms).filter((program) => !isInstalled(program, environment['PATH'] ?? ''));
  const hasScript = tools !== '' && existsSync(script);
  if (hasScript && isRoot && missing.length === 0) return { kind: 'script', script };
  if (kubeconfig !== '') return { kind: 'cluster', kubeconfig };
  const obstacle = obstacleTo({ hasScript, isRoot, missing });
  return { kind: 'none', reason: `there is no Kubernetes: KUBECONFIG names no file, and ${obstacle}` };
}

function obstacleTo({ hasScript, isRoot, missing }: { hasScript: boolean; isRoot: boolean; missing: readonly string[] }): string {
  if (!hasScript) return 'Q2_TOOLS no folder with kubernetes/cluster.sh';
  return isRoot ? `to start one ${missing.join(', ')} must be installed` : 'only root can start one';
}

function isInstalled(program: string, path: string): boolean {
  const folders = [...path.split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => canRun(join(folder, program)));
}

function canRun(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
