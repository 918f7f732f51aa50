import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, constants } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** What a finished tool said. */
export interface ToolRun {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const folders = [...(process.env['PATH'] ?? '').split(delimiter), join(homedir(), '.cache', 'q2', 'bin')];

/** A command line program of others, found on PATH or among the workspace's own tools. */
export class StockTool {
  private constructor(private readonly file: string) {}

  /** @throws where continuous integration lacks the tool; elsewhere a message says that it is missing, and undefined is given */
  static async find(name: string): Promise<StockTool | undefined> {
    for (const folder of folders) {
      const file = join(folder, name);
      const isThere = await access(file, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (isThere) return new StockTool(file);
    }
    const message = `${name} is not installed: what it would prove is not proved here`;
    if (process.env['CI'] === 'true') throw new Error(message);
    console.warn(message);
    return undefined;
  }

  /** Runs it to its end. */
  async run(...args: string[]): Promise<ToolRun> {
    const { child, stdout, stderr } = this.start(...args);
    const [exitCode]: unknown[] = await once(child, 'close');
    return { exitCode: typeof exitCode === 'number' ? exitCode : null, stdout: stdout(), stderr: stderr() };
  }

  /** Starts it and gives what it has said so far. */
  start(...args: string[]): { child: ChildProcess; stdout: () => string; stderr: () => string } {
    const child = spawn(this.file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    return { child, stdout: () => stdout, stderr: () => stderr };
  }
}
