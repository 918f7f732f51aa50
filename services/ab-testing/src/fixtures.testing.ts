// What the integration tests of this service share.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { experiments, tenants } from '@q2/contracts';
import { startTestPlatform, type TestPlatform } from '@q2/testing';
import { AbTestingModule } from './ab-testing.module.js';
import { EventRecorder, NeighboursModule, type Recorded } from './neighbours.testing.js';
import { aDefinition, type ExperimentInit } from './definition.testing.js';

type ExposureInit = MessageInitShape<typeof experiments.ExposureSchema>;
type OutcomeInit = MessageInitShape<typeof experiments.OutcomeSchema>;

/** A stream of messages. */
export async function* streamOf<Item>(...items: Item[]): AsyncIterable<Item> {
  for (const item of items) yield await Promise.resolve(item);
}

/** ab-testing on a real database, driven through its API as an editor of a tenant. */
export class Bench {
  private constructor(readonly platform: TestPlatform) {}

  /** Starts it with a tenant `acme` that every service has heard of: services may not act in others. */
  static async start(options: { databaseUrl?: string } = {}): Promise<Bench> {
    const platform = await startTestPlatform({ modules: [AbTestingModule, NeighboursModule], ...options });
    await platform.get(EventRecorder).announceTenant('acme');
    const as = { tenant: 'platform', roles: ['service:ab-testing'] };
    const ask = () => platform.client(tenants.QuotaService, as).checkLimit({ parent: 'tenants/acme', resource: 'experiments', amount: 1n });
    const isKnown = () =>
      ask().then(
        () => true,
        () => false,
      );
    await eventually(isKnown, (known) => known);
    return new Bench(platform);
  }

  editor(tenant = 'acme') {
    const as = { tenant, roles: ['editor'] };
    const client = this.platform.client.bind(this.platform);
    return {
      experiments: client(experiments.ExperimentService, as),
      assignments: client(experiments.AssignmentService, as),
      outcomes: client(experiments.OutcomeService, as),
      analysis: client(experiments.AnalysisService, as),
    };
  }

  /** Creates an experiment and starts it; gives its name. */
  async running(id: string, change: ExperimentInit = {}): Promise<string> {
    const { experiments: client } = this.editor();
    const { name } = await client.createExperiment({ parent: 'tenants/acme', experimentId: id, experiment: aDefinition(change) });
    await client.startExperiment({ name });
    return name;
  }

  expose(experiment: string, ...exposures: ExposureInit[]) {
    return this.editor().outcomes.recordExposuresStream(streamOf({ experiment, exposures }));
  }

  report(experiment: string, ...outcomes: OutcomeInit[]) {
    return this.editor().outcomes.recordOutcomesStream(streamOf({ experiment, outcomes }));
  }

  results(name: string): Promise<experiments.Results> {
    return this.editor().analysis.getResults({ name });
  }

  /** What was announced about an experiment, once its last event is of the kind given. */
  announced(name: string, last: string): Promise<Recorded[]> {
    const { events } = this.platform.get(EventRecorder);
    const about = () => Promise.resolve(events.filter(({ key }) => key === name));
    return eventually(about, (found) => found.at(-1)?.fact === last);
  }

  /** Figures of one metric in one variant: units, mean, standard deviation. */
  async figures(name: string, metric: string, variant: string): Promise<[units: number, mean: number, deviation: number]> {
    const { metrics } = await this.results(name);
    const found = metrics.find((one) => one.metric === metric)?.variants.find((one) => one.variant === variant);
    return [Number(found?.units ?? -1n), found?.mean ?? Number.NaN, found?.standardDeviation ?? Number.NaN];
  }
}

/** Looks again until something holds. */
export async function eventually<T>(look: () => Promise<T>, holds: (value: T) => boolean, withinMs = 10_000): Promise<T> {
  const until = Date.now() + withinMs;
  for (;;) {
    const value = await look();
    if (holds(value) || Date.now() > until) return value;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
