// Installs, generates and builds what is missing or has changed. Runs on any Node from 20 on; needs nothing installed.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprint, whenChanged } from './fingerprint.mjs';

const sources = [
  'proto',
  'libs',
  'services',
  'e2e',
  'buf.gen.yaml',
  'buf.yaml',
  'tsconfig.base.json',
  'tsconfig.json',
  'package-lock.json',
];

/** The Node that everything runs on: the 24 that npm installed, or this one where it is as new. */
export function nodeBinary() {
  const installed = join('node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (existsSync(installed)) return installed;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  throw new Error(
    `Node 24 is needed on ${process.platform} ${process.arch}, this is ${process.versions.node}: install it and run the command again`,
  );
}

/** Environment in which commands find that Node first. */
export function environment() {
  const bin = join(process.cwd(), nodeBinary(), '..');
  return {
    ...process.env,
    PATH: `${bin}:${join(process.cwd(), 'node_modules', '.bin')}:${process.env.PATH}`,
    NX_DAEMON: 'false',
    NODE_COMPILE_CACHE: join(process.cwd(), '.cache', 'compiled'),
  };
}

/** Runs a command, its output shown; rejects with its name where it fails. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', ...options });
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      code === 0 ? resolve() : reject(new Error(`${command} ${args.join(' ')} ended with ${signal ?? code}`)),
    );
  });
}

/** Brings the workspace up to date with its sources. */
export async function prepare() {
  const lock = fingerprint(['package-lock.json', '.npmrc']);
  await whenChanged('node_modules/.q2-installed', lock, async () => {
    console.error('q2: installing packages (once, about a minute)');
    // Not `npm ci`: it refuses a lockfile that lacks packages of other platforms, which some registries don't carry.
    await run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], { stdio: ['ignore', 2, 2] });
  });
  await whenChanged('.cache/built', fingerprint(sources), async () => {
    console.error('q2: generating and building');
    await run('node_modules/.bin/nx', ['run', 'q2-platform:build', '--outputStyle=stream'], {
      env: environment(),
      stdio: ['ignore', 2, 2],
    });
  });
}
