import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';

/** What a command gave. */
export interface CommandResult {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

export interface CommandOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Given to the command as its standard input. */
  readonly input?: string;
  readonly cwd?: string;
}

/** Runs a command to its end, whatever its exit code. */
export async function attempt(program: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const child = start(program, args, options);
  const texts = { output: '', errors: '' };
  child.stdout?.on('data', (chunk: Buffer) => (texts.output += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (texts.errors += chunk.toString()));
  child.stdin?.end(options.input ?? '');
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  return { code, ...texts };
}

/**
 * Runs a command that must succeed.
 *
 * @returns its standard output
 * @throws {Error} with the end of what it printed
 */
export async function run(program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, output, errors } = await attempt(program, args, options);
  if (code === 0) return output;
  const command = `${program} ${args.join(' ')}`.slice(0, 300);
  throw new Error(`${command} ended with ${String(code)}:\n${`${output}\n${errors}`.slice(-4000)}`);
}

/** Starts a command whose output is read while it runs. */
export function start(program: string, args: readonly string[], { environment, cwd }: CommandOptions = {}): ChildProcess {
  const options: SpawnOptions = { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...environment }, ...(cwd ? { cwd } : {}) };
  return spawn(program, [...args], options);
}
