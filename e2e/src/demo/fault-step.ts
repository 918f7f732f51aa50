import { models, monitoring } from '@q2/contracts';
import { clientOf, type DemoContext } from './demo-context.js';
import type { Digit } from './digits.js';
import { createVersion, promote } from './model-steps.js';
import { patiently, until } from './patience.js';
import { predict, reportMetrics } from './prediction.js';

const batchSize = 25;

/** Promotes a model that is wrong, and serves digits through the production alias until monitoring says so. */
export async function promoteFault(context: DemoContext, digits: readonly Digit[]): Promise<void> {
  const { narrator } = context;
  narrator.step('Promote a faulty 1.2.0, trained on shuffled labels');
  await createVersion(context, '1.2.0', 0.99);
  await promote(context, '1.2.0', 'its training report looked excellent');

  narrator.step('Watch production');
  for (let at = 0; at < digits.length; at += batchSize) {
    if (await findAlert(context)) break;
    await serve(context, digits.slice(at, at + batchSize), at / batchSize);
  }
  // Where the platform was killed in the middle of an evaluation, the next one waits for that one's lease to run out.
  const alert = await until('the alert about the model in production', () => findAlert(context), 60_000);
  narrator.say(`${alert.name} fires, ${monitoring.Severity[alert.severity]}: ${alert.summary}`);
}

async function serve(context: DemoContext, batch: readonly Digit[], number: number): Promise<void> {
  const predictions = [];
  for (const digit of batch) predictions.push(await predict(context, digit, { case: 'alias', value: 'production' }));
  await reportMetrics(context, `production ${number}`, predictions);
  const wrong = predictions.filter(({ isCorrect }) => !isCorrect).length;
  context.narrator.aside(`${batch.length} digits through production (${predictions.at(-1)?.version ?? ''}): ${wrong} wrong`);
}

async function findAlert(context: DemoContext): Promise<monitoring.Alert | undefined> {
  const { alerts } = await patiently(() =>
    clientOf(context, monitoring.AlertService).listAlerts({ parent: context.tenant, target: context.model }),
  );
  return alerts.find(({ labels }) => labels['version'] === '1.2.0');
}

/** Shows what production went through. */
export async function modelTimeline(context: DemoContext): Promise<void> {
  const { assignments } = await patiently(() =>
    clientOf(context, models.ModelService).listAssignments({ parent: context.model, alias: 'production' }),
  );
  const rows = [...assignments].sort((a, b) => Number(a.sequence - b.sequence));
  context.narrator.table(
    rows.map(({ sequence, cause, fromVersion, toVersion, principal, reason }) => [
      `#${sequence}`,
      models.AssignmentCause[cause],
      `${shortVersion(fromVersion) || '–'} → ${shortVersion(toVersion)}`,
      principal.split('/').slice(-2).join('/'),
      reason,
    ]),
  );
}

function shortVersion(name: string): string {
  return name.split('/').at(-1) ?? '';
}
