import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Cluster } from '../cluster.js';
import { namespaces } from '../kind.js';
import { type ClusterMode, findCluster } from './cluster-source.js';
import { thisMachine } from './describe-with-cluster.js';
import { buildShellImage } from './shell-image.js';

const run = promisify(execFile);

/** A cluster for a test file. */
export interface TestCluster {
  /** File that leads to it, with all permissions. */
  readonly kubeconfig: string;
  readonly cluster: Cluster;
  /** Makes a namespace that nobody else uses; it is deleted with {@link stop}. */
  makeNamespace(labels?: Record<string, string>): Promise<string>;
  /** Puts an image on its node that holds a shell and `sleep`, and gives its name. Only for a cluster of its own. */
  loadShellImage(): Promise<string>;
  /** Ends the API server with SIGKILL. Only for a cluster of its own. */
  killApiServer(): Promise<void>;
  /** Starts it again and waits until it answers. */
  startApiServer(): Promise<void>;
  /** Ends the cluster and removes all it kept; of one that is not the tests' own only their namespaces. */
  stop(): Promise<void>;
}

export interface TestClusterOptions {
  /** API server, controllers and scheduler only, or a node too that runs pods. */
  readonly mode: ClusterMode;
  /** More arguments for the API server. */
  readonly apiServerArguments?: readonly string[];
}

/**
 * Starts a cluster that nobody else uses, or gives the one named by `KUBECONFIG` where none can be started. It does not
 * outlive this process, however that ends.
 *
 * @throws {Error} where there is none, or it does not start
 */
export async function startTestCluster({ mode, apiServerArguments = [] }: TestClusterOptions): Promise<TestCluster> {
  const source = findCluster(mode, thisMachine());
  if (source.kind === 'none') throw new Error(source.reason);
  if (source.kind === 'cluster') {
    const cluster = await Cluster.connect({ kubeconfig: source.kubeconfig });
    return sharedCluster(source.kubeconfig, cluster);
  }
  return OwnCluster.start(source.script, {
    K8S_MODE: mode,
    K8S_APISERVER_ARGS: apiServerArguments.join(' '),
    K8S_METRICS: '',
    K8S_LOCALPV: '',
  });
}

/** A cluster that others use too. */
export function sharedCluster(kubeconfig: string, cluster: Cluster): TestCluster {
  const made: string[] = [];
  const refuse = () => Promise.reject(new Error(`the cluster of ${kubeconfig} is not the tests' own: it is left as it is`));
  return {
    ...{ kubeconfig, cluster, loadShellImage: refuse, killApiServer: refuse, startApiServer: refuse },
    makeNamespace: (labels) => makeNamespace(cluster, made, labels),
    stop: async () => {
      for (const name of made.splice(0)) await cluster.delete(namespaces, { name });
    },
  };
}

async function makeNamespace(cluster: Cluster, made: string[], labels: Record<string, string> = {}): Promise<string> {
  const name = `q2-test-${randomUUID().slice(0, 13)}`;
  await cluster.create(namespaces, { metadata: { name, labels } });
  made.push(name);
  return name;
}

/** Starts the cluster, and takes it down when its standard input ends: that is when this process ends or says so. */
const keeper = `trap '' PIPE INT HUP TERM; "$0" up && echo READY; cat >/dev/null; exec "$0" down --purge >/dev/null 2>&1`;

const killScript = `p=$(awk '$1 == "apiserver" { pid = $2 } END { print pid }' "$0/run/pids"); cat "/proc/$p/cmdline" >"$0/run/apiserver"; kill -9 "$p"; while [ -d "/proc/$p" ]; do sleep 0.05; done`;
const startScript = `mapfile -d '' -t command <"$0/run/apiserver"; setsid "\${command[@]}" >>"$0/log/apiserver.log" 2>&1 </dev/null & echo "apiserver $!" >>"$0/run/pids"`;

class OwnCluster implements TestCluster {
  private readonly made: string[] = [];

  private constructor(
    private readonly script: string,
    private readonly environment: NodeJS.ProcessEnv,
    private readonly process: ChildProcess,
    readonly cluster: Cluster,
    private readonly folder: string,
  ) {}

  static async start(script: string, settings: Record<string, string>): Promise<OwnCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'q2-cluster-'));
    const environment = { ...process.env, ...settings, K8S_STATE: folder, K8S_PORT: String(await freePort()) };
    const child = spawn('bash', ['-c', keeper, script], { env: environment, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    const output = await readyOutput(child);
    if (!output.includes('READY')) {
      await end(child);
      await rm(folder, { recursive: true, force: true });
      throw new Error(`the cluster did not start: ${output}`);
    }
    // Nothing of it keeps this process alive.
    child.unref();
    const cluster = await Cluster.connect({ kubeconfig: join(folder, 'admin.kubeconfig') });
    return new OwnCluster(script, environment, child, cluster, folder);
  }

  get kubeconfig(): string {
    return join(this.folder, 'admin.kubeconfig');
  }

  makeNamespace(labels?: Record<string, string>): Promise<string> {
    return makeNamespace(this.cluster, this.made, labels);
  }

  async loadShellImage(): Promise<string> {
    const { name, file } = await buildShellImage(join(dirname(this.script), 'mkimage.sh'), this.folder);
    await this.order('load', file);
    return name;
  }

  async killApiServer(): Promise<void> {
    await this.order('exec', 'bash', '-c', killScript, this.folder);
  }

  async startApiServer(): Promise<void> {
    await this.order('exec', 'bash', '-c', startScript, this.folder);
    await answers(this.cluster);
  }

  async stop(): Promise<void> {
    await end(this.process);
  }

  private async order(...words: readonly string[]): Promise<void> {
    await run(this.script, words, { env: this.environment });
  }
}

/** What the keeper says until the cluster is ready, or has failed. */
async function readyOutput(child: ChildProcess): Promise<string> {
  let output = '';
  const hear = (chunk: Buffer) => {
    output += chunk.toString();
  };
  child.stdout?.on('data', hear);
  child.stderr?.on('data', hear);
  const ended = once(child, 'exit');
  // 'up' has failed where it says so; the keeper then waits for its input to end all the same.
  while (!/READY|cluster: (?!ready)/.test(output) && child.exitCode === null) await Promise.race([sleep(50), ended]);
  for (const stream of [child.stdout, child.stderr]) stream?.destroy();
  return output;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.ref();
  child.stdin?.end();
  await ended;
}

async function answers(cluster: Cluster): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await cluster.get(namespaces, { name: 'default' });
      return;
    } catch (error) {
      if (attempt === 600) throw error;
      await sleep(100);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}
