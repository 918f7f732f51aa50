import { tenants } from '@q2/contracts';
import type { LoadedTenant } from './journey.js';
import { settled } from './journey.js';
import type { ModelsJourney } from './models.journey.js';
import type { Verdict } from './verdict.js';

const calmPredictions = 20;

/**
 * Predictions are counted in memory and announced each second: a kill may lose a second's count of one replica, but none is counted
 * twice; and while nothing is killed each counts once.
 */
export async function usageVerdicts(tenant: LoadedTenant, journey: ModelsJourney): Promise<Verdict[]> {
  const metered = () => meteredPredictions(tenant);
  const before = await steady(metered);
  for (let number = 0; number < calmPredictions; number += 1) await journey.predict(number);
  const after = await settled(metered, (count) => count >= before + calmPredictions);
  const { asked } = journey.predictions;
  return [
    {
      claim: 'no prediction is metered twice',
      checked: journey.predictions.answered,
      violations: after <= asked ? [] : [`${tenant.name}: ${String(after)} are metered of ${String(asked)} asked for`],
    },
    {
      claim: 'after healing each prediction is metered once',
      checked: calmPredictions,
      violations: after === before + calmPredictions ? [] : [`${tenant.name}: ${String(after - before)} are metered`],
    },
  ];
}

async function meteredPredictions({ name, clients }: LoadedTenant): Promise<number> {
  const { hours } = await clients.get(tenants.UsageService).getUsage({ parent: name, resource: 'predictions' });
  return hours.reduce((sum, { quantity }) => sum + Number(quantity), 0);
}

/** The count once it has not changed for some seconds. */
async function steady(read: () => Promise<number>): Promise<number> {
  let last = await read();
  for (let same = 0; same < 3;) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const next = await read();
    same = next === last ? same + 1 : 0;
    last = next;
  }
  return last;
}
