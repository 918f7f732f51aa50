import { experiments } from '@q2/contracts';
import { patiently } from '../demo/patience.js';
import { allPages, settled, type Journey, type LoadedTenant } from './journey.js';
import { streamTimeoutMs } from './requests.js';
import { exactlyOnce, sameContent, type Verdict } from './verdict.js';

const { OutcomeService, ExperimentService } = experiments;
const unitsOfStep = 5;
const pageSize = 1_000;

/** Assigns units, shows them their variant, and reports one outcome of 1 for each; and drafts an experiment with each step. */
export class ExperimentsJourney implements Journey {
  readonly name = 'experiments';
  private readonly requests;
  private readonly service;
  private readonly experiment: string;
  private readonly drafts = new Map<string, string>();
  private units = 0;

  constructor(private readonly tenant: LoadedTenant) {
    this.requests = tenant.requests(this.name);
    this.service = tenant.clients.get(ExperimentService);
    this.experiment = `${tenant.name}/experiments/counted`;
  }

  async prepare(): Promise<void> {
    await this.create('counted', 'each outcome counts once');
    await this.requests.send(ExperimentService.method.startExperiment, (requestId) =>
      this.service.startExperiment({ name: this.experiment, requestId }),
    );
  }

  async step(number: number): Promise<void> {
    await this.create(`draft-${String(number)}`, `hypothesis ${String(number)}`);
    const units = Array.from({ length: unitsOfStep }, (_, unit) => ({ unitId: `unit-${String(number)}-${String(unit)}` }));
    const assigning = this.tenant.clients.get(experiments.AssignmentService);
    const { assignments } = await patiently(() => assigning.batchAssign({ name: this.experiment, units }));
    await this.record(assignments);
    this.units += assignments.length;
  }

  conclude(): Promise<void> {
    return Promise.resolve();
  }

  async verdicts(): Promise<Verdict[]> {
    const found = await allPages(async (pageToken) => {
      const page = await this.service.listExperiments({ parent: this.tenant.name, pageSize, pageToken });
      return { items: page.experiments, nextPageToken: page.nextPageToken };
    });
    const hypotheses = new Map(found.map(({ name, hypothesis }) => [name, hypothesis]));
    return [
      exactlyOnce(
        'each experiment is there once',
        [...this.drafts.keys()],
        found.map(({ name }) => name),
      ),
      sameContent('each experiment has its content', this.drafts, hypotheses),
      await this.outcomesVerdict(),
    ];
  }

  /** A unit whose outcome counted twice would have a total of 2, and one whose outcome was lost would not be there. */
  private async outcomesVerdict(): Promise<Verdict> {
    const analysis = this.tenant.clients.get(experiments.AnalysisService);
    const results = await settled(
      () => analysis.getResults({ name: this.experiment }),
      ({ units, waitingUnits }) => units === BigInt(this.units) && waitingUnits === 0n,
    );
    const variants = results.metrics.flatMap((metric) => metric.variants);
    const counted = variants.reduce((sum, { units }) => sum + Number(units), 0);
    const means = variants.map(({ variant, mean }) => ({ variant, mean })).filter(({ mean }) => mean !== 1);
    return {
      claim: 'each outcome counts once',
      checked: this.units,
      violations: [
        ...(counted === this.units ? [] : [`${this.experiment}: ${String(counted)} of ${String(this.units)} units are counted`]),
        ...means.map(({ variant, mean }) => `${this.experiment}: the mean of ${variant} is ${String(mean)} instead of 1`),
      ],
    };
  }

  private async create(experimentId: string, hypothesis: string): Promise<void> {
    const { MetricKind, MetricRole, Direction, UnitValue } = experiments;
    const experiment = {
      hypothesis,
      variants: [
        { id: 'a', control: true, weightBasisPoints: 5_000 },
        { id: 'b', weightBasisPoints: 5_000 },
      ],
      metrics: [{ id: 'score', kind: MetricKind.MEAN, role: MetricRole.GOAL, direction: Direction.INCREASE, unitValue: UnitValue.TOTAL }],
    };
    const { name } = await this.requests.send(ExperimentService.method.createExperiment, (requestId) =>
      this.service.createExperiment({ parent: this.tenant.name, experimentId, experiment, requestId }),
    );
    this.drafts.set(name, hypothesis);
  }

  private async record(assignments: readonly experiments.Assignment[]): Promise<void> {
    const { experiment } = this;
    const recording = this.tenant.clients.get(OutcomeService);
    async function* exposures() {
      yield { experiment, exposures: assignments.map(({ unitId, variant }) => ({ id: `seen-${unitId}`, unitId, variant })) };
    }
    async function* outcomes() {
      yield { experiment, outcomes: assignments.map(({ unitId }) => ({ id: `score-${unitId}`, unitId, metric: 'score', value: 1 })) };
    }
    const options = { timeoutMs: streamTimeoutMs };
    await this.requests.send(OutcomeService.method.recordExposuresStream, async () =>
      allTaken(await recording.recordExposuresStream(exposures(), options)),
    );
    await this.requests.send(OutcomeService.method.recordOutcomesStream, async () =>
      allTaken(await recording.recordOutcomesStream(outcomes(), options)),
    );
  }
}

/** @throws where any record was refused */
function allTaken({ rejections }: { readonly rejections: readonly experiments.Rejection[] }): void {
  const [rejection] = rejections;
  if (rejection !== undefined) throw new Error(`${rejection.id} was refused: ${rejection.message}`);
}
