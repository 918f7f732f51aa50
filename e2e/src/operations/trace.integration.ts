import { describeTrace } from './trace-expectations.js';
import { traceChange, type TracedChange } from './traced-change.js';

describe('a trace, with events through the database', () => {
  let traced: TracedChange;
  beforeAll(async () => {
    traced = await traceChange();
  }, 120_000);

  describeTrace('postgresql', () => traced);
});
