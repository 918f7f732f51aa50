// `npm run demo`: drives the closed loop through the public API, on real data and real models.
import { join } from 'node:path';
import { automate } from './automation-step.js';
import { closing } from './closing-steps.js';
import type { DemoContext } from './demo-context.js';
import { heldOutDigits } from './digits.js';
import { experiment } from './experiment-step.js';
import { promoteFault } from './fault-step.js';
import { createModel, createVersion, productionVersion, promote } from './model-steps.js';
import { Narrator } from './narrator.js';
import { until } from './patience.js';
import { watchReaction } from './reaction.js';
import { Run } from './run-state.js';
import { operatorKey, signIn, whereabouts } from './sign-in.js';
import { createTenant } from './tenant-step.js';

const home = process.env['Q2_HOME'] ?? '.q2';

async function demo(): Promise<void> {
  const startedAt = performance.now();
  const where = whereabouts();
  const narrator = new Narrator();
  const operator = signIn(where, await operatorKey(join(home, 'operator.key')));
  const run = await Run.open(join(home, 'demo.json'));
  if (run.isResumed) narrator.say(`taking up run ${run.id} where it was interrupted; what was done before is not done again`);
  const { tenant, apiKey } = await createTenant(operator, run, narrator);
  const context: DemoContext = { run, narrator, tenant, model: `${tenant}/models/digits`, tenantClients: signIn(where, apiKey) };
  const digits = await heldOutDigits();

  await createModel(context);
  await createVersion(context, '1.0.0', 0.76);
  await createVersion(context, '1.1.0', 0.99);
  narrator.step('Promote 1.0.0');
  await promote(context, '1.0.0', 'the first version');
  await automate(context);
  await experiment(context, digits);

  narrator.step('The decision starts a workflow that promotes the winner');
  await watchReaction(context, 'promote-winner');
  await promoteFault(context, digits);
  narrator.step('The alert starts a workflow that rolls back');
  await watchReaction(context, 'roll-back');
  const serving = await until('the rollback', async () => {
    const version = await productionVersion(context);
    return version === '1.1.0' ? version : undefined;
  });
  narrator.say(`production is ${serving} again`);
  await closing(context);
  await run.finish();
  narrator.step(`The loop is closed, in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  operator.close();
  context.tenantClients.close();
}

try {
  await demo();
} catch (error) {
  console.error(`\ndemo: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
