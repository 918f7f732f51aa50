// `npm run bench`: measures what the platform promises, against a peer or baseline in the same run. `npm run bench -- kafka` measures that alone.
import { loadavg } from 'node:os';
import { benchAssignment } from './assignment.bench.js';
import { benchEvents } from './events.bench.js';
import { benchGrpc } from './grpc.bench.js';
import { benchKafka } from './kafka/kafka.bench.js';
import { describeMachine } from './machine.js';
import { benchModels } from './models.bench.js';
import { Report } from './report.js';

const benches = new Map<string, (report: Report) => void | Promise<void>>([
  ['assignment', benchAssignment],
  ['grpc', benchGrpc],
  ['events', benchEvents],
  ['kafka', benchKafka],
  ['models', benchModels],
]);
const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !benches.has(name));
if (unknown.length > 0) {
  console.error(`there is no bench ${unknown.join(', ')}; there are ${[...benches.keys()].join(', ')}`);
  process.exit(2);
}

const report = new Report();
console.log(`machine: ${describeMachine()}, load ${loadavg()[0]?.toFixed(1) ?? '?'} before`);
for (const [name, bench] of benches) if (chosen.length === 0 || chosen.includes(name)) await bench(report);
console.log(report.missed === 0 ? 'all goals met' : `${report.missed} goals missed`);
process.exit(report.missed === 0 ? 0 : 1);
