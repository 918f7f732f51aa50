// What the image runs: `tenant-manager`, `migrate`, … – the first argument names the program, the rest are its own.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';

const root = new URL('./', import.meta.url);
/** Programs that are no services. */
const tools = {
  migrate: 'services/all-in-one/dist/migrate.main.js',
  check: 'services/all-in-one/dist/check.main.js',
  demo: 'e2e/dist/demo/main.js',
  dlq: 'services/all-in-one/dist/dead-letters.main.js',
};

const services = readdirSync(new URL('services/', root)).filter((name) => name !== 'all-in-one');
const programs = {
  ...Object.fromEntries(services.map((name) => [name, `services/${name}/dist/main.js`])),
  ...Object.fromEntries(Object.entries(tools).filter(([, path]) => existsSync(new URL(path, root)))),
};
const version = readFileSync(new URL('version', root), 'utf8').trim();

const [name] = process.argv.splice(2, 1);
if (name === 'version') {
  console.log(version);
} else if (name === undefined || !Object.hasOwn(programs, name)) {
  const problem = name === undefined ? 'name a program to run' : `no program is named '${name}'`;
  console.error(`q2: ${problem}; one of ${Object.keys(programs).join(', ')}, version`);
  process.exitCode = 64;
} else {
  // The first process of a container has no default for signals: without this one, a stop during the first second would wait
  // for the kill that follows. Programs with an order of their own for stopping add their listeners, and this one stands back.
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => process.listenerCount(signal) === 1 && process.exit(128 + constants.signals[signal]));
  }
  console.log(JSON.stringify({ level: 30, time: new Date().toISOString(), service: name, version, msg: 'starting' }));
  await import(new URL(programs[name], root).href);
}
