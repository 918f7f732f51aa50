import { existsSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { FailedPrecondition } from '@q2/errors';

/** Where the cluster is, and as whom to speak to it. */
export interface ConnectionOptions {
  /** File as `KUBECONFIG` names it; without one the service account of the pod that this process runs in. */
  readonly kubeconfig?: string | undefined;
  /** Context of the file; its current one by default. */
  readonly context?: string | undefined;
  /** Longest time of a request, in milliseconds. Streams may last; only their beginning is bounded. @default 30_000 */
  readonly timeoutMs?: number;
  /** Process environment that tells whether this is a pod. @default process.env */
  readonly environment?: NodeJS.ProcessEnv;
}

/** A cluster that can be asked. Credentials are read again when they change. */
export interface Connection {
  /** Address of the API server. */
  readonly server: string;
  readonly timeoutMs: number;
  /** Adds credentials and trust to a request. */
  authorize(request: RequestOptions): Promise<void>;
}

/** Where Kubernetes puts a pod's own credentials. */
const tokenFile = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/**
 * Reads how to reach the cluster. Nothing is asked of it yet.
 *
 * @throws {FailedPrecondition} KUBERNETES_NOT_CONFIGURED naming what is missing or wrong
 */
export async function readConnection(options: ConnectionOptions = {}): Promise<Connection> {
  // Only those who use a cluster pay for the client: it takes a second and 90 MB to load.
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  if (options.kubeconfig === undefined) loadFromPod(config, options.environment ?? process.env);
  else loadFromFile(config, options.kubeconfig, options.context);
  const cluster = config.getCurrentCluster();
  if (cluster === null || config.getCurrentUser() === null)
    throw notConfigured(`the context '${config.getCurrentContext()}' names a cluster or a user that is not there`);
  return {
    server: cluster.server.replace(/\/+$/, ''),
    timeoutMs: options.timeoutMs ?? 30_000,
    authorize: (request) => config.applyToHTTPSOptions(request),
  };
}

function loadFromPod(config: KubeConfig, environment: NodeJS.ProcessEnv): void {
  if (environment['KUBERNETES_SERVICE_HOST'] === undefined)
    throw notConfigured('there is no kubeconfig file named, and this process does not run in a pod (KUBERNETES_SERVICE_HOST is not set)');
  if (!existsSync(tokenFile)) throw notConfigured(`this pod has no service account token (${tokenFile} is missing)`);
  config.loadFromCluster();
}

function loadFromFile(config: KubeConfig, file: string, context: string | undefined): void {
  if (!existsSync(file)) throw notConfigured(`the kubeconfig file ${file} does not exist`);
  try {
    config.loadFromFile(file);
  } catch (error) {
    throw notConfigured(`the kubeconfig file ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (context !== undefined) config.setCurrentContext(context);
  if (config.getContextObject(config.getCurrentContext()) !== null) return;
  const names = config.getContexts().map(({ name }) => name);
  throw notConfigured(`the kubeconfig file ${file} has no context '${config.getCurrentContext()}'; it has ${names.join(', ') || 'none'}`);
}

function notConfigured(message: string): FailedPrecondition {
  return new FailedPrecondition('KUBERNETES_NOT_CONFIGURED', message);
}
