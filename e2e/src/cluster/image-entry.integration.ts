import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attempt } from './command.js';

const source = fileURLToPath(new URL('../../../.scripts/image-entry.mjs', import.meta.url));
let folder: string;
let entry: string;

/** Puts a program where the image has it. */
async function program(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), text);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'q2-entry-'));
  entry = join(folder, 'q2.mjs');
  await cp(source, entry);
  await writeFile(join(folder, 'version'), '1.2.3\n');
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await program('services/greeter/dist/main.js', 'console.log(`hello ${process.argv.slice(2).join(" ")}`);');
  await program('services/all-in-one/dist/migrate.main.js', 'console.log("migrated"); process.exitCode = 3;');
  await program('e2e/dist/demo/main.js', 'console.log("waiting"); setInterval(() => undefined, 1000);');
});
afterAll(() => rm(folder, { recursive: true }));

const run = (...args: readonly string[]) => attempt(process.execPath, [entry, ...args]);

describe('the entry of the image', () => {
  it('runs a service by its name, says its version first, and hands the rest of the arguments on', async () => {
    const { code, output } = await run('greeter', 'you', 'there');
    const [first = '', ...rest] = output.trim().split('\n');
    expect([code, rest]).toEqual([0, ['hello you there']]);
    expect(JSON.parse(first)).toMatchObject({ service: 'greeter', version: '1.2.3', msg: 'starting' });
  });

  it('ends as the program ends', async () => {
    const { code, output } = await run('migrate');
    expect([code, output]).toEqual([3, expect.stringContaining('migrated')]);
  });

  it.each([
    [[], 'name a program to run'],
    [['nonsense'], "no program is named 'nonsense'"],
    [['all-in-one'], "no program is named 'all-in-one'"],
    [['toString'], "no program is named 'toString'"],
  ])('lists the programs for %j', async (args, problem) => {
    expect(await run(...args)).toEqual({ code: 64, output: '', errors: `q2: ${problem}; one of greeter, migrate, demo, version\n` });
  });

  it('prints its version', async () => {
    expect((await run('version')).output).toBe('1.2.3\n');
  });

  it('obeys a signal that its program does not listen for', async () => {
    const child = spawn(process.execPath, [entry, 'demo'], { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.includes('waiting')) child.kill('SIGTERM');
    });
    expect(await once(child, 'exit')).toEqual([143, null]);
  });
});
