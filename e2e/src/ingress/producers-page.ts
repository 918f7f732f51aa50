import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const page = readFileSync(new URL('../../../docs/producers.md', import.meta.url), 'utf8');
const [, overKafka = ''] = /^## Over Kafka$(.*?)^## Over gRPC$/ms.exec(page) ?? [];
const blocks = [...overKafka.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', code = '']) => ({ language, code }));

/** The page's command that sends one record, which the others use. */
export const sendFunction = blockWith('sh', 'send() {');

/** The first block of the page's part on Kafka that is of a language and holds a text. */
export function blockWith(language: string, text: string): string {
  const found = blocks.find((block) => block.language === language && block.code.includes(text));
  if (found) return found.code;
  throw new Error(`docs/producers.md has no ${language} block with '${text}'`);
}

/** Whether a program is on the path. */
export function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}

/** What a shell script wrote to standard output. */
export async function runShell(script: string, environment: Readonly<Record<string, string>>): Promise<string> {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code]: unknown[] = await once(child, 'close');
  if (code !== 0) throw new Error(`a script ended with ${String(code)}: ${stderr}\n${script}`);
  return stdout;
}
