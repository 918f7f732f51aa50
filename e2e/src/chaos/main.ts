// `npm run chaos -- --seed N`: kills the platform's processes again and again under load, and proves that nothing was lost or done twice.
import { parseArgs } from 'node:util';
import { kafkaIsAvailable } from '@q2/events/testing';
import { serviceNames, type ServiceName } from '../processes/platform-processes.js';
import { runChaos } from './chaos-run.js';
import { reportLines } from './report.js';
import { allHold } from './verdict.js';

const usage = 'npm run chaos -- [--seed N] [--kills N] [--services monitoring,scheduler] [--replicas N] [--tenants N] [--at-once N]';

function wholeNumber(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} must be a whole number, not ${text}; ${usage}`);
  return Number(text);
}

function servicesOf(text: string | undefined): [ServiceName, ...ServiceName[]] | undefined {
  if (text === undefined) return undefined;
  const [first, ...others] = text.split(',').map((name) => {
    const service = serviceNames.find((known) => known === name);
    if (service === undefined) throw new Error(`there is no service ${name}; there are ${serviceNames.join(', ')}`);
    return service;
  });
  return first === undefined ? undefined : [first, ...others];
}

async function chaos(): Promise<void> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { seed: text, kills: text, services: text, replicas: text, tenants: text, 'at-once': text } });
  const seed = wholeNumber('seed', values.seed, Math.floor(Math.random() * 1_000_000));
  const services = servicesOf(values.services);
  const hasKafka = kafkaIsAvailable() && process.env['KAFKA_BROKERS'] === undefined;
  console.log(`seed ${String(seed)}; events go through ${hasKafka ? 'Kafka' : 'the database, as no Kafka of its own can be started here'}`);
  const result = await runChaos({
    seed,
    hasKafka,
    replicas: wholeNumber('replicas', values.replicas, 2),
    kills: wholeNumber('kills', values.kills, 100),
    tenants: wholeNumber('tenants', values.tenants, 3),
    atOnce: wholeNumber('at-once', values['at-once'], 2),
    ...(services === undefined ? {} : { services }),
    say: (line) => console.log(line),
  });
  console.log(reportLines(result).join('\n'));
  console.log(`\nseed ${String(seed)}: ${allHold(result.verdicts) ? 'everything held' : 'BROKEN'}`);
  process.exitCode = allHold(result.verdicts) ? 0 : 1;
}

try {
  await chaos();
} catch (error) {
  console.error(`chaos: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exitCode = 1;
}
