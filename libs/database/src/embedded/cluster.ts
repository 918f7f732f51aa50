import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Binaries } from './binaries.js';
import { dataDamaged } from './embedded-postgres-error.js';
import type { Launcher } from './launcher.js';
import { startFailure, versionMismatch } from './server-log.js';

/** Name of the superuser that initdb makes. */
export const superuser = 'postgres';

/** Where things are in the folder that the caller gave. */
export interface ClusterPaths {
  readonly directory: string;
  /** Appears complete, by a rename: a start that was killed halfway leaves no half of it. */
  readonly cluster: string;
  readonly data: string;
  readonly password: string;
  readonly port: string;
  readonly log: string;
}

/** The layout of the folder. */
export function clusterPaths(directory: string): ClusterPaths {
  const cluster = join(directory, 'cluster');
  return {
    directory,
    cluster,
    data: join(cluster, 'data'),
    password: join(cluster, 'password'),
    port: join(directory, 'port'),
    log: join(directory, 'postgres.log'),
  };
}

export interface ClusterOptions {
  readonly paths: ClusterPaths;
  readonly binaries: Binaries;
  readonly launcher: Launcher;
  readonly isDurable: boolean;
}

/**
 * Creates the cluster where it is missing, and checks it where it exists.
 *
 * @returns the superuser's password
 * @throws {EmbeddedPostgresError} POSTGRES_DATA_DAMAGED, POSTGRES_VERSION_MISMATCH, POSTGRES_DISK_FULL, POSTGRES_FOLDER_REFUSED
 */
export async function ensureCluster(options: ClusterOptions): Promise<string> {
  const { paths } = options;
  await removeLeftovers(paths.directory);
  if (!(await isFolder(paths.cluster))) await createCluster(options);
  else await checkVersion(options);
  await giveToServer(options);
  return readPassword(paths);
}

/** The superuser's password. */
export async function readPassword({ directory, password }: ClusterPaths): Promise<string> {
  try {
    return (await readFile(password, 'utf8')).trim();
  } catch (error) {
    throw dataDamaged(directory, 'its password file is missing', error);
  }
}

async function removeLeftovers(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.startsWith('new-')) await rm(join(directory, name), { recursive: true, force: true });
  }
}

async function createCluster({ paths, binaries, launcher, isDurable }: ClusterOptions): Promise<void> {
  const fresh = join(paths.directory, `new-${randomBytes(6).toString('hex')}`);
  const [data, password] = [join(fresh, 'data'), join(fresh, 'password')];
  await mkdir(data, { recursive: true, mode: 0o711 });
  await writeFile(password, randomBytes(24).toString('base64url'), { mode: 0o600 });
  await launcher.own(password);
  await launcher.own(data);
  const { code, output } = await launcher.run(binaries.initdb, initdbArguments(data, password, isDurable));
  if (code !== 0) {
    await rm(fresh, { recursive: true, force: true });
    throw startFailure(output, paths.directory, paths.log);
  }
  await rename(fresh, paths.cluster);
  await syncFolder(paths.directory);
}

/** Needs no locale of the system: PostgreSQL brings C.UTF-8 of its own. */
function initdbArguments(data: string, password: string, isDurable: boolean): string[] {
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const access = [`--username=${superuser}`, `--pwfile=${password}`, '--auth=scram-sha-256'];
  return ['-D', data, ...locale, ...access, '--no-instructions', ...(isDurable ? [] : ['--no-sync'])];
}

async function checkVersion({ paths, binaries }: ClusterOptions): Promise<void> {
  const version = await readFile(join(paths.data, 'PG_VERSION'), 'utf8').catch((error: unknown) => {
    throw dataDamaged(paths.directory, 'PG_VERSION is missing', error);
  });
  if (!/^\d+\s*$/.test(version)) throw dataDamaged(paths.directory, 'PG_VERSION is not a version');
  if (version.trim() !== binaries.majorVersion) {
    throw versionMismatch(paths.directory, `the data is of PostgreSQL ${version.trim()}, this release runs ${binaries.majorVersion}`);
  }
}

/** The folder may have been used as another user before: as root after a normal user, or the other way round. */
async function giveToServer({ paths, launcher }: ClusterOptions): Promise<void> {
  const { ownerId } = launcher;
  if (launcher.mode === 'other-user') await Promise.all([paths.directory, paths.cluster].map((path) => chmod(path, 0o711)));
  if (ownerId === undefined || (await stat(paths.data)).uid === ownerId) return;
  await Promise.all([launcher.ownAll(paths.data), launcher.own(paths.password)]);
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Makes the rename itself survive a power cut. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
