import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { attempt, run, start, type CommandOptions, type CommandResult } from './command.js';
import { freePorts } from '../processes/free-ports.js';

/** A real one-node Kubernetes of a test's own. */
export class OneNodeCluster {
  private constructor(
    private readonly script: string,
    private readonly environment: Readonly<Record<string, string>>,
    private readonly state: string,
    private readonly guard: ChildProcess,
  ) {}

  /**
   * Starts it. It does not outlive this process, however that ends.
   *
   * @param script `cluster.sh` of the tools
   * @param folder for everything that it keeps; removed where this process ends before it could
   */
  static async start(script: string, folder: string): Promise<OneNodeCluster> {
    const [port] = await freePorts(1);
    const state = join(folder, 'state');
    const environment = { K8S_STATE: state, K8S_PORT: String(port), K8S_METRICS: '' };
    const cluster = new OneNodeCluster(script, environment, state, guardian(script, folder, environment));
    try {
      await run(script, ['up'], { environment });
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Gives image archives to the node. */
  async load(...archives: readonly string[]): Promise<void> {
    await run(this.script, ['load', ...archives], { environment: this.environment });
  }

  kubectl(...args: readonly string[]): Promise<string> {
    return this.tool('kubectl', args);
  }

  /** Gives manifests to the API server. */
  async apply(manifests: string): Promise<void> {
    await this.tool('kubectl', ['apply', '-f', '-'], { input: manifests });
  }

  helm(...args: readonly string[]): Promise<string> {
    return this.tool('helm', args);
  }

  /** Runs kubectl whatever its exit code. */
  tryKubectl(...args: readonly string[]): Promise<CommandResult> {
    return attempt(this.path('kubectl'), args, { environment: this.toolEnvironment });
  }

  /** Starts a program on the node, where the addresses of pods and the names of Services work. */
  startOnNode(program: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): ChildProcess {
    return start(this.script, ['exec', program, ...args], { environment: { ...environment, ...this.environment } });
  }

  /** Ends it with all that runs in it. */
  async stop(): Promise<void> {
    await run(this.script, ['down', '--purge'], { environment: this.environment });
    this.guard.kill('SIGKILL');
  }

  private tool(name: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
    return run(this.path(name), args, { ...options, environment: this.toolEnvironment });
  }

  private path(name: string): string {
    return join(this.state, 'bin', name);
  }

  private get toolEnvironment(): Record<string, string> {
    const home = join(this.state, 'helm');
    return { KUBECONFIG: join(this.state, 'admin.kubeconfig'), HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home };
  }
}

/** Takes the cluster down when this process is gone without having done so: its input then ends. */
function guardian(script: string, folder: string, environment: Readonly<Record<string, string>>): ChildProcess {
  const guard = spawn('bash', ['-c', 'trap "" INT TERM HUP; cat >/dev/null; "$0" down --purge; rm -rf "$1"', script, folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { ...process.env, ...environment },
    detached: true,
  });
  guard.unref();
  return guard;
}
