// The lowest layer: the few files of Debian that Node and native modules need. No shell, no package manager.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** C library, C++ library, certificates of public authorities, names of protocols and of the system itself. */
const platformPackages = ['base-files', 'ca-certificates', 'gcc-12-base', 'libc6', 'libgcc-s1', 'libstdc++6', 'netbase'];

/** What of those packages nothing here reads: character sets, locales, programs, documentation but for the licences. */
const dead = [
  'bin',
  'sbin',
  'usr/bin',
  'usr/sbin',
  'usr/lib/locale',
  'usr/lib/x86_64-linux-gnu/gconv',
  'usr/lib/aarch64-linux-gnu/gconv',
  'usr/share/gcc',
  'usr/share/gdb',
  'usr/share/lintian',
  'usr/share/man',
  'usr/share/info',
  'usr/share/base-files',
  'usr/share/common-licenses',
  'usr/share/zoneinfo',
  'etc/ca-certificates',
  'etc/update-motd.d',
  'etc/skel',
  'root',
  'home',
  'media',
  'mnt',
  'opt',
  'srv',
  'boot',
  'dev',
  'proc',
  'sys',
  'var',
  'run',
];

/** The user that everything in the image runs as. */
export const userId = 65_532;

/** Fills a folder with the layer. */
export function makeBase(root) {
  const versions = unpackDebian(root, platformPackages);
  for (const path of dead) rmSync(join(root, path), { recursive: true, force: true });
  joinUsr(root);
  bundleCertificates(root);
  for (const folder of ['etc', 'proc', 'sys', 'dev', 'run', 'tmp', 'home/q2', 'var/lib/dpkg'])
    mkdirSync(join(root, folder), { recursive: true });
  chmodSync(join(root, 'tmp'), 0o1777);
  writeFileSync(join(root, 'etc/passwd'), `root:x:0:0:root:/:/sbin/nologin\nq2:x:${userId}:${userId}:q2:/home/q2:/sbin/nologin\n`);
  writeFileSync(join(root, 'etc/group'), `root:x:0:\nq2:x:${userId}:\n`);
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
  // Scanners read here which versions of Debian's packages the image holds.
  writeFileSync(join(root, 'var/lib/dpkg/status'), versions.map(statusEntry).join('\n'));
  return versions;
}

/**
 * Unpacks Debian packages below a folder, the newest versions that the machine's sources have.
 *
 * @returns name and version of each
 */
export function unpackDebian(root, names) {
  const debs = downloadDebian(names);
  mkdirSync(root, { recursive: true });
  return debs.map((deb) => {
    execFileSync('dpkg-deb', ['-x', deb, root]);
    return execFileSync('dpkg-deb', ['-f', deb, 'Package', 'Version', 'Architecture', 'Maintainer'], { encoding: 'utf8' });
  });
}

/** Downloaded packages are kept; a newer version has another digest. */
function downloadDebian(names) {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'q2', 'debian');
  mkdirSync(cache, { recursive: true });
  let digests = findDigests(names);
  if (digests.size < names.length) {
    updateLists();
    digests = findDigests(names);
  }
  return names.map((name) => {
    const sha256 = digests.get(name);
    if (sha256 === undefined) throw new Error(`the machine's package sources know no ${name}`);
    const file = join(cache, `${sha256}.deb`);
    if (!existsSync(file)) fetchDebian(name, cache, file);
    return file;
  });
}

/** SHA-256 of the newest version of each package that the machine's lists know. */
function findDigests(names) {
  const { stdout } = spawnSync('apt-cache', ['show', '--no-all-versions', ...names], { encoding: 'utf8' });
  const field = (entry, name) => new RegExp(`^${name}: (.*)$`, 'm').exec(entry)?.[1];
  const entries = (stdout ?? '').split('\n\n').map((entry) => [field(entry, 'Package'), field(entry, 'SHA256')]);
  return new Map(entries.filter(([name, sha256]) => name !== undefined && sha256 !== undefined));
}

function updateLists() {
  execFileSync('apt-get', ['update', '-qq'], { stdio: ['ignore', 2, 2] });
}

function fetchDebian(name, cache, file) {
  const folder = join(cache, `new-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync('apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=root', name], { cwd: folder, stdio: ['ignore', 2, 2] });
  } catch {
    // The lists may name a version that the archive has replaced since.
    updateLists();
    execFileSync('apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=root', name], { cwd: folder, stdio: ['ignore', 2, 2] });
  }
  const [downloaded] = readdirSync(folder);
  renameSync(join(folder, downloaded), file);
  rmSync(folder, { recursive: true });
}

/** Debian's packages still say /lib; programs look in both places. */
export function joinUsr(root) {
  for (const name of ['lib', 'lib64']) {
    const path = join(root, name);
    if (existsSync(path)) cpSync(path, join(root, 'usr', name), { recursive: true, verbatimSymlinks: true });
    rmSync(path, { recursive: true, force: true });
    if (existsSync(join(root, 'usr', name))) execFileSync('ln', ['-s', `usr/${name}`, path]);
  }
}

/** What update-ca-certificates would write. */
function bundleCertificates(root) {
  const folder = join(root, 'usr/share/ca-certificates/mozilla');
  const bundle = readdirSync(folder)
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8').trimEnd());
  mkdirSync(join(root, 'etc/ssl/certs'), { recursive: true });
  writeFileSync(join(root, 'etc/ssl/certs/ca-certificates.crt'), `${bundle.join('\n')}\n`);
  rmSync(resolve(root, 'usr/share/ca-certificates'), { recursive: true });
}

function statusEntry(fields) {
  return `${fields.trimEnd()}\nStatus: install ok installed\n`;
}
