import { describeWithKafka, startTestKafka, type TestKafka } from '@q2/events/testing';
import { describeTrace } from './trace-expectations.js';
import { traceChange, type TracedChange } from './traced-change.js';

describeWithKafka('a trace, with events through Kafka', () => {
  let kafka: TestKafka;
  let traced: TracedChange;
  beforeAll(async () => {
    kafka = await startTestKafka();
    traced = await traceChange(kafka.brokers);
  }, 240_000);
  afterAll(() => kafka.stop());

  describeTrace('kafka', () => traced);
});
