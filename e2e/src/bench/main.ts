// `npm run bench`: measures what the platform promises, against a peer or baseline in the same run.
import { benchAssignment } from './assignment.bench.js';
import { benchEvents } from './events.bench.js';
import { benchGrpc } from './grpc.bench.js';
import { describeMachine } from './machine.js';
import { benchModels } from './models.bench.js';
import { Report } from './report.js';

const report = new Report();
console.log(`machine: ${describeMachine()}`);
benchAssignment(report);
await benchGrpc(report);
await benchEvents(report);
await benchModels(report);
console.log(report.missed === 0 ? 'all goals met' : `${report.missed} goals missed`);
process.exit(report.missed === 0 ? 0 : 1);
