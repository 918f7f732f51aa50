// Makes the image of all services without a container engine.
//   node .scripts/image.mjs layers DIRECTORY           the layers as folders, as the Dockerfile copies them
//   node .scripts/image.mjs debian DIRECTORY PACKAGE…  packages of Debian, unpacked
//   node .scripts/image.mjs build OUT.tar NAME:TAG …   archives for `docker load`, `ctr images import` and the like
// The same sources give the same layers, byte for byte.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { joinUsr, makeBase, unpackDebian, userId } from './image-base.mjs';
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
function makeLayers(directory, version) {
  let total = 0;
  for (const name of Object.keys(layers)) total += makeLayer(name, directory, version);
  console.error(`image: ${megabytes(total)} unpacked; at most ${megabytes(largestBytes)} are allowed`);
  if (total > largestBytes) throw new Error(`the image has ${megabytes(total)}, more than ${megabytes(largestBytes)}`);
}

function makeLayer(name, directory, version) {
  const folder = join(directory, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  layers[name](folder, version);
  execFileSync('chmod', ['-R', 'u=rwX,go=rX,a-st', folder]);
  if (name === 'base') execFileSync('chmod', ['1777', join(folder, 'tmp')]);
  const bytes = bytesBelow(folder);
  console.error(`image: layer ${name}: ${megabytes(bytes)}`);
  return bytes;
}

/** One tar archive of a folder whose bytes depend on the names, modes and contents of its files only. */
function deterministicTar(folder, file) {
  const constant = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];
  execFileSync('tar', [...constant, '-C', folder, '-cf', file, '.']);
}

/** Writes an archive for each pair of a file and `NAME:TAG`; they differ in the version, which is the tag. */
function build(pairs) {
  const maker = join(process.env.Q2_TOOLS ?? '', 'kubernetes', 'mkimage.sh');
  if (!process.env.Q2_TOOLS || !existsSync(maker)) {
    throw new Error(
      'this machine has nothing that writes image archives (Q2_TOOLS is unset): build the Dockerfile with a container engine',
    );
  }
  const work = mkdtempSync(join(tmpdir(), 'q2-image-'));
  try {
    makeLayers(work, versionOf(pairs[0].tag));
    for (const name of Object.keys(layers).filter((layer) => layer !== 'version')) archiveLayer(work, name);
    pairs.forEach(({ out, tag }, index) => {
      console.error(`image: archive ${out} of ${tag}`);
      if (index > 0) makeLayer('version', work, versionOf(tag));
      archiveLayer(work, 'version');
      writeImage(maker, work, { out, tag });
    });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function versionOf(tag) {
  return tag.slice(tag.lastIndexOf(':') + 1);
}

function archiveLayer(work, name) {
  const tar = join(work, `${name}.tar`);
  deterministicTar(join(work, name), tar);
  console.error(`image: layer ${name}: sha256:${createHash('sha256').update(readFileSync(tar)).digest('hex')}`);
}

function writeImage(maker, work, { out, tag }) {
  const environment = ['PATH=/usr/bin', 'NODE_ENV=production', 'HOME=/home/q2', 'SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt'];
  const options = [
    ...environment.flatMap((entry) => ['-e', entry]),
    ...Object.keys(layers).flatMap((name) => ['-l', join(work, `${name}.tar`)]),
  ];
  const entry = ['/usr/bin/node', `/${application}/q2.mjs`];
  execFileSync(maker, ['-o', resolve(out), '-t', tag, '-w', `/${application}`, '-u', `${userId}:${userId}`, ...options, '--', ...entry]);
}

function main([command, ...rest]) {
  if (command === 'layers' && rest.length === 1) {
    return makeLayers(resolve(rest[0]), JSON.parse(readFileSync('package.json', 'utf8')).version);
  }
  if (command === 'build' && rest.length > 1 && rest.length % 2 === 0) {
    return build(Array.from({ length: rest.length / 2 }, (_, index) => ({ out: rest[index * 2], tag: rest[index * 2 + 1] })));
  }
  if (command === 'debian' && rest.length > 1) {
    unpackDebian(resolve(rest[0]), rest.slice(1));
    return joinUsr(resolve(rest[0]));
  }
  throw new Error('usage: image.mjs layers DIRECTORY | image.mjs build (OUT.tar NAME:TAG)... | image.mjs debian DIRECTORY PACKAGE...');
}

try {
  main(process.argv.slice(2));
} catch (error) {
  console.error(`image: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
