// Makes the image of all services without a container engine.
//   node .scripts/image.mjs layers DIRECTORY           the layers as folders, as the Dockerfile copies them
//   node .scripts/image.mjs build OUT.tar NAME:TAG     an archive for `docker load`, `ctr images import` and the like
// The same sources give the same layers. What has not changed since the last run is not made again.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { makeBase, userId } from './image-base.mjs';
import { bytesBelow, copyPackages, copyWorkspace, productionPackages } from './image-packages.mjs';
import { nodeBinary } from './prepare.mjs';

const application = 'app';
const largestBytes = 350 * 1024 ** 2;
const megabytes = (bytes) => `${(bytes / 1024 ** 2).toFixed(1)} MiB`;

/** The layers, those that change least first: what an upgrade changes is then the smallest. */
const layers = {
  base: (folder) => makeBase(folder),
  node: (folder) => {
    mkdirSync(join(folder, 'usr/bin'), { recursive: true });
    cpSync(nodeBinary(), join(folder, 'usr/bin/node'));
    const licence = join(dirname(nodeBinary()), '..', 'LICENSE');
    mkdirSync(join(folder, 'usr/share/doc/node'), { recursive: true });
    if (existsSync(licence)) cpSync(licence, join(folder, 'usr/share/doc/node/copyright'));
  },
  packages: (folder) => copyPackages(join(folder, application), productionPackages()),
  services: (folder) => {
    copyWorkspace(join(folder, application), productionPackages());
    cpSync('.scripts/image-entry.mjs', join(folder, application, 'q2.mjs'));
  },
  version: (folder, version) => {
    mkdirSync(join(folder, application), { recursive: true });
    writeFileSync(join(folder, application, 'version'), `${version}\n`);
  },
};

/** Makes every layer as a folder, and prints its size. */
export function makeLayers(directory, version) {
  let total = 0;
  for (const [name, make] of Object.entries(layers)) {
    const folder = join(directory, name);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    make(folder, version);
    execFileSync('chmod', ['-R', 'u=rwX,go=rX,a-st', folder]);
    if (name === 'base') execFileSync('chmod', ['1777', join(folder, 'tmp')]);
    const bytes = bytesBelow(folder);
    total += bytes;
    console.error(`image: layer ${name}: ${megabytes(bytes)}`);
  }
  console.error(`image: ${megabytes(total)} unpacked; at most ${megabytes(largestBytes)} are allowed`);
  if (total > largestBytes) throw new Error(`the image has ${megabytes(total)}, more than ${megabytes(largestBytes)}`);
  return total;
}

/** One tar archive of a folder whose bytes depend on the names, modes and contents of its files only. */
export function deterministicTar(folder, file) {
  const constant = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];
  execFileSync('tar', [...constant, '-C', folder, '-cf', file, '.']);
}

function build(out, tag, version) {
  const maker = join(process.env.Q2_TOOLS ?? '', 'kubernetes', 'mkimage.sh');
  if (!process.env.Q2_TOOLS || !existsSync(maker)) {
    throw new Error(
      'this machine has nothing that writes image archives (Q2_TOOLS is unset): build the Dockerfile with a container engine',
    );
  }
  const work = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'q2', 'image');
  const total = makeLayers(work, version);
  const tars = Object.keys(layers).map((name) => {
    const tar = join(work, `${name}.tar`);
    deterministicTar(join(work, name), tar);
    console.error(`image: layer ${name}: sha256:${createHash('sha256').update(readFileSync(tar)).digest('hex')}`);
    return tar;
  });
  const environment = ['PATH=/usr/bin', 'NODE_ENV=production', 'HOME=/home/q2', 'SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt'];
  const options = [...environment.flatMap((entry) => ['-e', entry]), ...tars.flatMap((tar) => ['-l', tar])];
  const entry = ['/usr/bin/node', `/${application}/q2.mjs`];
  execFileSync(maker, ['-o', out, '-t', tag, '-w', `/${application}`, '-u', `${userId}:${userId}`, ...options, '--', ...entry]);
  return total;
}

function main([command, ...rest]) {
  const version = process.env.Q2_VERSION ?? JSON.parse(readFileSync('package.json', 'utf8')).version;
  if (command === 'layers' && rest.length === 1) return makeLayers(resolve(rest[0]), version);
  if (command === 'build' && rest.length === 2) return build(resolve(rest[0]), rest[1], version);
  throw new Error('usage: image.mjs layers DIRECTORY | image.mjs build OUT.tar NAME:TAG');
}

try {
  main(process.argv.slice(2));
} catch (error) {
  console.error(`image: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
