// The commands of package.json: each brings the workspace up to date first, then runs on the right Node.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { environment, nodeBinary, prepare } from './prepare.mjs';

const jest = ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js', '--config', 'jest.config.mjs'];

/** What each command runs, as arguments of Node. */
const commands = {
  start: ['--enable-source-maps', 'services/all-in-one/dist/main.js'],
  'start:service': ['--enable-source-maps'],
  'db:url': ['services/all-in-one/dist/database-url.js'],
  demo: ['e2e/dist/demo/main.js'],
  bench: ['--expose-gc', 'e2e/dist/bench/main.js'],
  chaos: ['e2e/dist/chaos/main.js'],
  dlq: ['services/all-in-one/dist/dead-letters.main.js'],
  jest,
  test: ['.scripts/test.mjs'],
  prepare: ['--version'],
  lint: ['node_modules/nx/dist/bin/nx.js', 'run', 'q2-platform:lint'],
};

const [name, ...rest] = process.argv.slice(2);
const command = commands[name];
if (!command) fail(`unknown command '${name}'; one of ${Object.keys(commands).join(', ')}`);
if (name === 'start:service') command.push(mainOf(rest.shift()));

try {
  await prepare();
} catch (error) {
  fail(error.message);
}
// The channel tells the platform when this process is gone, killed or not, so that nothing is left running behind it.
const stdio = ['inherit', 'inherit', 'inherit', ...(name.startsWith('start') ? ['ipc'] : [])];
const child = spawn(nodeBinary(), [...command, ...rest], { stdio, env: environment() });
// A terminal sends Ctrl-C to the whole group; a supervisor only to us. Either way the child decides when it has ended.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.once('error', (error) => fail(error.message));
child.once('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));

/** Where a service's process begins. */
function mainOf(service) {
  const services = readdirSync('services').filter((folder) => folder !== 'all-in-one');
  if (!services.includes(service)) fail(`start:service needs the name of a service: one of ${services.join(', ')}`);
  return `services/${service}/dist/main.js`;
}

function fail(message) {
  console.error(`q2: ${message}`);
  process.exit(1);
}
