import { execFile } from 'node:child_process';
import { copyFile, mkdir, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Programs of this machine that the image gets. */
const programs = ['/bin/sh', '/bin/sleep', '/bin/cat'];

const imageName = 'q2.test/shell:1';

/** Makes an image of this machine's shell and the libraries that it loads. Gives the image's name and its archive. */
export async function buildShellImage(makeImage: string, folder: string): Promise<{ name: string; file: string }> {
  const root = join(folder, 'shell-image');
  for (const program of programs) {
    await put(root, program);
    for (const library of await librariesOf(program)) await put(root, library);
  }
  const file = join(folder, 'shell-image.tar');
  await run('bash', [makeImage, '-o', file, '-t', imageName, '-l', root, '--', '/bin/sh']);
  return { name: imageName, file };
}

async function put(root: string, path: string): Promise<void> {
  const target = join(root, path);
  await mkdir(dirname(target), { recursive: true });
  await copyFile(await realpath(path), target);
}

async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await run('ldd', [program]);
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].flatMap(([, path]) => path ?? []);
}
