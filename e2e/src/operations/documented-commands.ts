import { spawn } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { repositoryFile } from './watch-files.js';

/**
 * The shell blocks of a section of a page, as a reader would copy them.
 *
 * @throws {Error} where the page has no such section
 */
export async function documentedCommands(page: string, heading: string): Promise<string[]> {
  const text = await repositoryFile(page);
  const start = text.indexOf(`\n${heading}\n`);
  if (start < 0) throw new Error(`${page} has no section ${heading}`);
  const rest = text.slice(start + heading.length + 2);
  const section = rest.slice(0, /\n#{1,3} /.exec(rest)?.index ?? rest.length);
  return [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, commands = '']) => commands);
}

const databaseUrlProgram = fileURLToPath(new URL('../../../services/all-in-one/dist/database-url.js', import.meta.url));

/**
 * A folder for PATH in which `npm run --silent db:url` prints the URL without preparing the workspace first, and `npm start`
 * leaves starting to the test.
 */
export async function npmStandIn(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'npm');
  await writeFile(file, `#!/bin/sh\n[ "$*" = start ] || exec "${process.execPath}" "${databaseUrlProgram}"\n`);
  await chmod(file, 0o755);
  return folder;
}

/** Runs commands as one script. @throws {Error} with all that they said where they fail */
export function runCommands(script: string, path: string, environment: Readonly<Record<string, string>>): Promise<string> {
  const env = { ...process.env, NODE_OPTIONS: '', ...environment, PATH: `${path}${delimiter}${process.env['PATH'] ?? ''}` };
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-euo', 'pipefail', '-c', script], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`ended with ${String(code)}: ${output}`))));
  });
}
