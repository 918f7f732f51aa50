import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, symlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where Helm comes from on this machine: installed, or packed among the tools. */
export type HelmSource =
  | { readonly kind: 'installed'; readonly program: string }
  | { readonly kind: 'packed'; readonly archive: string }
  | { readonly kind: 'none'; readonly reason: string };

/** Finds Helm by `PATH`, or in the folder that `Q2_TOOLS` names. */
export function findHelm(environment: Readonly<Record<string, string | undefined>>): HelmSource {
  const installed = (environment['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'helm'));
  const program = installed.find((path) => existsSync(path));
  if (program !== undefined) return { kind: 'installed', program };
  const archive = join(environment['Q2_TOOLS'] ?? '', 'kubernetes', 'kubelite.zst');
  if (environment['Q2_TOOLS'] && existsSync(archive)) return { kind: 'packed', archive };
  return { kind: 'none', reason: 'there is no helm: PATH has none, and Q2_TOOLS names no folder with one' };
}

/**
 * Path of a Helm that runs.
 *
 * @param folder where a packed one is unpacked to
 * @throws {Error} where there is none
 */
export async function prepareHelm(source: HelmSource, folder: string): Promise<string> {
  if (source.kind === 'none') throw new Error(source.reason);
  if (source.kind === 'installed') return source.program;
  const all = join(folder, 'kubelite');
  await run('zstd', ['-dq', source.archive, '-o', all]);
  await chmod(all, 0o755);
  await symlink(all, join(folder, 'helm'));
  return join(folder, 'helm');
}
