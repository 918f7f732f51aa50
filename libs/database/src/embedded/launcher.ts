import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { lchown, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * How PostgreSQL is started. It refuses to run as root, so root starts it in a user namespace where root is called
 * `nobody` (nothing else changes: it can still read what root can), or, where namespaces are forbidden, as `nobody`.
 */
export type LaunchMode = 'same-user' | 'user-namespace' | 'other-user';

/** The user id of `nobody`. */
const nobody = 65_534;

/** Nothing of the caller's environment (PGDATA, LD_LIBRARY_PATH, locale) may change how PostgreSQL runs. */
function environment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}

/** Starts programs as the user that PostgreSQL runs as, so that they end when this process does. */
export class Launcher {
  private constructor(
    readonly mode: LaunchMode,
    private readonly diesWithParent: boolean,
  ) {}

  /** Finds out what this machine allows. */
  static async detect(modes: readonly LaunchMode[] = possibleModes()): Promise<Launcher> {
    for (const mode of modes) {
      const dying = new Launcher(mode, true);
      if (await dying.succeeds('true', [])) return dying;
      const plain = new Launcher(mode, false);
      if (await plain.succeeds('true', [])) return plain;
    }
    throw new Error(`no program can be started as ${modes.join(' or ')}`);
  }

  /** User and group that files for PostgreSQL must belong to; undefined where those of this process do. */
  get ownerId(): number | undefined {
    if (this.mode === 'other-user') return nobody;
    return this.mode === 'user-namespace' ? 0 : undefined;
  }

  /** Gives a file or folder to the user that PostgreSQL runs as. */
  async own(path: string): Promise<void> {
    if (this.ownerId !== undefined) await lchown(path, this.ownerId, this.ownerId);
  }

  /** Gives a folder and everything in it to the user that PostgreSQL runs as. */
  async ownAll(folder: string): Promise<void> {
    await this.own(folder);
    for (const entry of await readdir(folder, { recursive: true })) await this.own(join(folder, entry));
  }

  /** Starts a program in a session of its own: Ctrl-C in the terminal must not reach it before its users have finished. */
  start(file: string, args: readonly string[], options: Pick<SpawnOptions, 'stdio'>): ChildProcess {
    const [command, ...rest] = [...this.prefix(), file, ...args];
    const identity = this.mode === 'other-user' ? { uid: nobody, gid: nobody } : {};
    return spawn(command ?? file, rest, { ...options, ...identity, detached: true, env: environment(), cwd: '/' });
  }

  /** Runs a program to its end; gives its exit code and what it wrote. */
  run(file: string, args: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> {
    return new Promise((resolve) => {
      const child = this.start(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
      const chunks: Buffer[] = [];
      child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
      child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk));
      child.once('error', (error) => {
        resolve({ code: null, output: error.message });
      });
      child.once('close', (code) => {
        resolve({ code, output: Buffer.concat(chunks).toString('utf8') });
      });
    });
  }

  /** Whether a program runs and exits with 0. */
  async succeeds(file: string, args: readonly string[]): Promise<boolean> {
    return (await this.run(file, args)).code === 0;
  }

  /** `setpriv` comes last: a change of credentials clears the signal that it asks for. */
  private prefix(): string[] {
    const namespace =
      this.mode === 'user-namespace' ? ['unshare', '-U', `--map-user=${String(nobody)}`, `--map-group=${String(nobody)}`] : [];
    return this.diesWithParent ? [...namespace, 'setpriv', '--pdeathsig', 'INT'] : namespace;
  }
}

function possibleModes(): LaunchMode[] {
  return process.geteuid?.() === 0 ? ['user-namespace', 'other-user'] : ['same-user'];
}
