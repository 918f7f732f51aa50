import { experiments } from '@q2/contracts';
import { clientOf, type DemoContext } from './demo-context.js';
import type { Digit } from './digits.js';
import { patiently, until } from './patience.js';
import { predict, reportMetrics, type Prediction } from './prediction.js';

const batchSize = 40;

/** Tests 1.1.0 against 1.0.0 on digits that neither has seen, until the statistics decide. */
export async function experiment(context: DemoContext, digits: readonly Digit[]): Promise<void> {
  const { narrator } = context;
  narrator.step('Experiment: 1.0.0 against 1.1.0, half of the traffic each');
  const name = await startExperiment(context);
  for (let at = 0; at < digits.length; at += batchSize) {
    if (await isDecided(context, name)) break;
    const batch = digits.slice(at, at + batchSize);
    const predictions = await serveBatch(context, name, batch);
    await reportBatch(context, name, { number: at / batchSize, predictions });
    await showProgress(context, name);
  }
  await until('the decision', async () => ((await isDecided(context, name)) ? true : undefined), 30_000);
  await showDecision(context, name);
}

async function startExperiment(context: DemoContext): Promise<string> {
  const { run, narrator, tenant, model } = context;
  const service = clientOf(context, experiments.ExperimentService);
  const { MetricKind, MetricRole, Direction, DecisionAction } = experiments;
  const created = await patiently(() =>
    service.createExperiment({
      parent: tenant,
      experimentId: 'digits-1-1',
      experiment: {
        displayName: 'Does 1.1.0 read digits better?',
        hypothesis: 'A model trained on all rows is right more often, at no cost in latency that matters',
        variants: [
          { id: 'current', control: true, weightBasisPoints: 5_000, content: { case: 'target', value: `${model}/versions/1.0.0` } },
          { id: 'candidate', weightBasisPoints: 5_000, content: { case: 'target', value: `${model}/versions/1.1.0` } },
        ],
        metrics: [
          { id: 'correct', kind: MetricKind.PROPORTION, role: MetricRole.GOAL, direction: Direction.INCREASE },
          { id: 'latency-ms', kind: MetricKind.MEAN, role: MetricRole.GUARDRAIL, direction: Direction.DECREASE, margin: 20 },
        ],
        decisionRule: { alpha: 0.05, minSamplePerVariant: 60, action: DecisionAction.ANNOUNCE },
      },
      requestId: run.requestId('create experiment'),
    }),
  );
  await patiently(() => service.startExperiment({ name: created.name, requestId: run.requestId('start experiment') }));
  narrator.say(`${created.name} runs: goal correct ↑, guardrail latency-ms (measured), always-valid at α = 0.05`);
  return created.name;
}

/** Assigns each digit to a variant and asks that variant's model. */
async function serveBatch(context: DemoContext, name: string, batch: readonly Digit[]): Promise<(Prediction & { variant: string })[]> {
  const units = batch.map((digit) => ({ unitId: `row-${digit.row}` }));
  const { assignments } = await patiently(() => clientOf(context, experiments.AssignmentService).batchAssign({ name, units }));
  const served = [];
  for (const [index, digit] of batch.entries()) {
    const assignment = assignments[index];
    if (assignment?.content.case !== 'target' || !assignment.inExperiment) continue;
    const version = assignment.content.value.split('/').at(-1) ?? '';
    served.push({ ...(await predict(context, digit, { case: 'version', value: version })), variant: assignment.variant });
  }
  return served;
}

async function reportBatch(
  context: DemoContext,
  experiment: string,
  batch: { number: number; predictions: (Prediction & { variant: string })[] },
) {
  const service = clientOf(context, experiments.OutcomeService);
  const { predictions } = batch;
  if (predictions.length === 0) return;
  async function* exposures() {
    yield {
      experiment,
      exposures: predictions.map(({ digit, variant }) => ({ id: `seen-${digit.row}`, unitId: `row-${digit.row}`, variant })),
    };
  }
  async function* outcomes() {
    const values = predictions.flatMap(({ digit, isCorrect, latencyMs }) => [
      { id: `correct-${digit.row}`, unitId: `row-${digit.row}`, metric: 'correct', value: isCorrect ? 1 : 0 },
      { id: `latency-${digit.row}`, unitId: `row-${digit.row}`, metric: 'latency-ms', value: latencyMs },
    ]);
    yield { experiment, outcomes: values };
  }
  await patiently(() => service.recordExposuresStream(exposures()));
  await patiently(() => service.recordOutcomesStream(outcomes()));
  await reportMetrics(context, `experiment ${batch.number}`, predictions);
}

async function isDecided(context: DemoContext, name: string): Promise<boolean> {
  const { state } = await patiently(() => clientOf(context, experiments.ExperimentService).getExperiment({ name }));
  return state === experiments.State.COMPLETED || state === experiments.State.ROLLED_BACK;
}

async function showProgress(context: DemoContext, name: string): Promise<void> {
  const results = await patiently(() => clientOf(context, experiments.AnalysisService).getResults({ name }));
  const goal = results.metrics.find(({ metric }) => metric === 'correct');
  const rates = goal?.variants.map(({ variant, units, mean }) => `${variant} ${(mean * 100).toFixed(1)} % of ${units}`).join(', ');
  const p = goal?.variants.find(({ control }) => !control)?.comparison?.alwaysValidPValue;
  context.narrator.aside(`${results.units} digits: ${rates ?? ''}; always-valid p ${p === undefined ? '–' : p.toPrecision(3)}`);
}

async function showDecision(context: DemoContext, name: string): Promise<void> {
  const { decisions } = await patiently(() => clientOf(context, experiments.ExperimentService).listDecisions({ parent: name }));
  const [decision] = decisions;
  if (!decision) throw new Error(`${name} ended without a decision`);
  context.narrator.say(
    `decided by ${decision.decidedBy}: ${experiments.DecisionKind[decision.kind]}, winner ${decision.winnerVariant || 'none'}`,
  );
  context.narrator.say(`because ${decision.evidence?.reason ?? ''}`);
  if (decision.winnerVariant !== 'candidate') throw new Error('the better model was expected to win');
}
