// Tells whether something has to be done again: a digest of what it was done from, kept beside its results.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const skipped = new Set(['node_modules', 'dist', 'gen', '.git']);

/** All files below the given files and folders, without results of a build. */
function* filesOf(path) {
  if (!existsSync(path)) return;
  if (!statSync(path).isDirectory()) return void (yield path);
  for (const name of readdirSync(path).sort()) if (!skipped.has(name)) yield* filesOf(join(path, name));
}

/** Digest of the names and contents of all files below `paths`, of this platform and architecture. */
export function fingerprint(paths) {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  for (const path of paths) for (const file of filesOf(path)) hash.update(file).update(readFileSync(file));
  return hash.digest('hex');
}

/** Runs `work` where the fingerprint differs from that of the last time it succeeded. */
export async function whenChanged(markFile, mark, work) {
  if (existsSync(markFile) && readFileSync(markFile, 'utf8') === mark) return;
  await work();
  mkdirSync(dirname(markFile), { recursive: true });
  writeFileSync(markFile, mark);
}
