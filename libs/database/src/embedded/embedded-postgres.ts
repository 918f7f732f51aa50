import { mkdir, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { prepareBinaries } from './binaries.js';
import { clusterPaths, ensureCluster, readPassword, superuser, type ClusterPaths } from './cluster.js';
import { EmbeddedPostgresError, folderFailure } from './embedded-postgres-error.js';
import { FolderLease } from './folder-lease.js';
import { Launcher, type LaunchMode } from './launcher.js';
import { startServer, type RunningServer } from './server.js';

export interface EmbeddedPostgresOptions {
  /** Folder that holds everything, such as `.q2/postgres`; made where it is missing. */
  readonly directory: string;
  /** Whether what is committed survives a power cut; off only where the data is thrown away. @default true */
  readonly isDurable?: boolean;
  /** @default 200 */
  readonly maxConnections?: number;
  /** How long a clean shutdown may take before the server is cut off. @default 30000 */
  readonly stopTimeoutMs?: number;
  /** How to run PostgreSQL; tried in order. @default what this machine allows */
  readonly launchModes?: readonly LaunchMode[];
}

export interface EmbeddedPostgres {
  /** URL of the superuser, with its password. */
  readonly url: string;
  readonly pid: number;
  /** Ends the server cleanly: transactions that run are rolled back, everything committed is kept. May be called twice. */
  stop(): Promise<void>;
}

/**
 * Starts the PostgreSQL of a folder, on 127.0.0.1 only. It ends with this process, also where this one is killed; a
 * server that a killed process left running is taken over.
 *
 * @throws {EmbeddedPostgresError} in one sentence what is wrong and what to do
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const paths = clusterPaths(resolve(options.directory));
  try {
    await mkdir(paths.directory, { recursive: true, mode: 0o711 });
    const lease = await FolderLease.take(paths.directory);
    try {
      return await startLeased(options, paths, lease);
    } catch (error) {
      await lease.release();
      throw error;
    }
  } catch (error) {
    throw folderFailure(error, paths.directory);
  }
}

/**
 * URL of the embedded server of a folder, without starting it.
 *
 * @throws {EmbeddedPostgresError} POSTGRES_START_FAILED where it was never started in that folder
 */
export async function embeddedPostgresUrl(directory: string): Promise<string> {
  const paths = clusterPaths(resolve(directory));
  const port = Number(await readFile(paths.port, 'utf8').catch(() => '0'));
  if (port === 0) {
    const message = `there is no embedded PostgreSQL in ${paths.directory} yet: start the platform once`;
    throw new EmbeddedPostgresError('POSTGRES_START_FAILED', message, { directory: paths.directory });
  }
  return serverUrl(await readPassword(paths), port);
}

async function startLeased(options: EmbeddedPostgresOptions, paths: ClusterPaths, lease: FolderLease): Promise<EmbeddedPostgres> {
  const { isDurable = true, maxConnections = 200, stopTimeoutMs = 30_000 } = options;
  const launcher = await Launcher.detect(options.launchModes);
  const binaries = await prepareBinaries(launcher, paths.directory);
  const password = await ensureCluster({ paths, binaries, launcher, isDurable });
  const server = await startServer({
    paths,
    binaries,
    launcher,
    isDurable,
    maxConnections,
    stopTimeoutMs,
    url: (port) => serverUrl(password, port),
  });
  let stopping: Promise<void> | undefined;
  return { url: serverUrl(password, server.port), pid: server.pid, stop: () => (stopping ??= stopLeased(server, lease)) };
}

async function stopLeased(server: RunningServer, lease: FolderLease): Promise<void> {
  await server.stop();
  await lease.release();
}

function serverUrl(password: string, port: number): string {
  return `postgres://${superuser}:${encodeURIComponent(password)}@127.0.0.1:${String(port)}/postgres`;
}
