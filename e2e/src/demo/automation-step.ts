import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { monitoring, schedules, workflows } from '@q2/contracts';
import { clientOf, type DemoContext } from './demo-context.js';
import { patiently } from './patience.js';

/** Says once what is to happen when a test decides and when an alert fires. From here on nobody acts by hand. */
export async function automate(context: DemoContext): Promise<void> {
  context.narrator.step('Automate the decisions: two workflows, two event triggers, one monitor');
  await createWorkflows(context);
  await createTriggers(context);
  await createMonitor(context);
}

async function createWorkflows(context: DemoContext): Promise<void> {
  const { run, narrator, tenant } = context;
  const service = clientOf(context, workflows.WorkflowService);
  const retry = { maxAttempts: 5, initialInterval: durationFromMs(500), backoffCoefficient: 2 };
  const promote = await patiently(() =>
    service.createWorkflow({
      parent: tenant,
      workflowId: 'promote-winner',
      description: 'Takes the winner of an experiment to production',
      definition: {
        steps: [
          step('stage', 'models.promote', { name: '${input.target}', stage: 'STAGE_STAGING', reason: '${input.reason}' }, { retry }),
          step(
            'promote',
            'models.promote',
            { name: '${input.target}', stage: 'STAGE_PRODUCTION', reason: '${input.reason}' },
            { retry, needs: ['stage'] },
          ),
          step('note', 'log', { message: '${input.target} is in production' }, { needs: ['promote'] }),
        ],
      },
      requestId: run.requestId('workflow promote'),
    }),
  );
  const rollBack = await patiently(() =>
    service.createWorkflow({
      parent: tenant,
      workflowId: 'roll-back',
      description: 'Returns to the version before when the one in production fails',
      definition: {
        steps: [
          step(
            'roll_back',
            'models.rollback',
            { name: '${input.model}', expected_version: '${input.version}', reason: '${input.reason}' },
            { retry },
          ),
          step('acknowledge', 'alerts.acknowledge', { name: '${input.alert}', comment: 'rolled back' }, { retry, needs: ['roll_back'] }),
        ],
      },
      requestId: run.requestId('workflow roll back'),
    }),
  );
  narrator.say(`${promote.name} and ${rollBack.name}`);
}

function step(id: string, action: string, input: Record<string, string>, rest: { retry?: object; needs?: string[] }) {
  return { id, work: { case: 'action' as const, value: { name: action, input } }, ...rest };
}

async function createTriggers(context: DemoContext): Promise<void> {
  const { run, narrator, tenant, model } = context;
  const service = clientOf(context, schedules.TriggerService);
  await patiently(() =>
    service.createTrigger({
      parent: tenant,
      triggerId: 'on-decision',
      trigger: {
        condition: {
          case: 'event',
          value: {
            eventTypes: ['q2.experiments.events.v1.ExperimentConcluded'],
            filter: '!has(event.data.controlWon) || !event.data.controlWon',
          },
        },
        action: {
          case: 'startWorkflow',
          value: {
            workflow: `${tenant}/workflows/promote-winner`,
            input: { target: '${event.data.target}', reason: 'won ${event.data.experiment}' },
          },
        },
      },
      requestId: run.requestId('trigger decision'),
    }),
  );
  await patiently(() =>
    service.createTrigger({
      parent: tenant,
      triggerId: 'on-alert',
      trigger: {
        condition: {
          case: 'event',
          value: { eventTypes: ['q2.monitoring.events.v1.AlertFired'], filter: `event.data.target == '${model}'` },
        },
        action: {
          case: 'startWorkflow',
          value: {
            workflow: `${tenant}/workflows/roll-back`,
            input: {
              model: '${event.data.target}',
              version: '${event.data.labels.version}',
              alert: '${event.data.alert}',
              reason: '${event.data.summary}',
            },
          },
        },
      },
      requestId: run.requestId('trigger alert'),
    }),
  );
  narrator.say('ExperimentConcluded starts promote-winner, AlertFired starts roll-back');
}

async function createMonitor(context: DemoContext): Promise<void> {
  const { run, narrator, tenant, model } = context;
  await patiently(() =>
    clientOf(context, monitoring.MonitorService).createMonitor({
      parent: tenant,
      monitorId: 'digit-errors',
      monitor: {
        displayName: 'Share of wrong digits',
        target: model,
        metric: 'prediction_errors',
        matchers: [{ label: 'model', operator: monitoring.LabelMatcher_Operator.EQUAL, value: 'digits' }],
        groupBy: ['version'],
        aggregation: monitoring.Aggregation.AVERAGE,
        window: durationFromMs(60_000),
        comparison: monitoring.Comparison.GREATER,
        criticalThreshold: 0.5,
        minimumSamples: 30,
        evaluationInterval: durationFromMs(1_000),
      },
      requestId: run.requestId('monitor'),
    }),
  );
  narrator.say('an alert fires when more than half of at least 30 predictions of a version within a minute are wrong');
}
