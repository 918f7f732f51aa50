import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { experimentEvents } from '@q2/contracts';
import { Subscriptions, topicOf } from '@q2/events';
import { keyOf } from '../experiments/experiment-key.js';
import { RunningQuotaService } from './running-quota.service.js';

const { ExperimentConcludedSchema, ExperimentRolledBackSchema } = experimentEvents;

/**
 * Gives quota back when an experiment is over. By our own event rather than in the decision's transaction: an
 * experiment must be able to end, to protect its units, while tenant-manager is away.
 */
@Injectable()
export class RunningQuotaConsumer implements OnModuleInit {
  constructor(
    @Inject(Subscriptions) private readonly subscriptions: Subscriptions,
    @Inject(RunningQuotaService) private readonly quota: RunningQuotaService,
  ) {}

  onModuleInit(): void {
    this.subscriptions.add({
      consumer: 'ab-testing.running-quota',
      topics: [topicOf(ExperimentConcludedSchema)],
      types: [ExperimentConcludedSchema.typeName, ExperimentRolledBackSchema.typeName],
      handle: (_, event) => this.quota.release(keyOf(event.key, 'key')),
    });
  }
}
