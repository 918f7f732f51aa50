import { findKafka } from './kafka-source.js';

/** Whether tests can have a Kafka here. */
export function kafkaIsAvailable(): boolean {
  return findKafka(process.env).kind !== 'none';
}

/** `describe` for tests that need Kafka. Where there is none they are skipped with a line that says why; under `CI=true` they fail. */
export function describeWithKafka(name: string, body: () => void): void {
  const source = findKafka(process.env);
  describeUnless(source.kind === 'none' ? source.reason : undefined, name, body);
}

/** As describeWithKafka, for tests that kill the broker: a server that is not theirs won't do. */
export function describeWithOwnKafka(name: string, body: () => void): void {
  const source = findKafka(process.env);
  const noneOfItsOwn = 'it kills brokers, and none can be started: Q2_TOOLS names no folder with kafka/kafka.sh';
  describeUnless(source.kind === 'script' ? undefined : noneOfItsOwn, name, body);
}

function describeUnless(obstacle: string | undefined, name: string, body: () => void): void {
  if (obstacle === undefined) describe(name, body);
  else if (process.env['CI'] === 'true') describe(name, () => it('runs', () => Promise.reject(new Error(obstacle))));
  else {
    process.stderr.write(`skipped: ${name}: ${obstacle}\n`);
    describe.skip(name, body);
  }
}
