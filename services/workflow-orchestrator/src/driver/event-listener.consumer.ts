import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { eventTopics } from '@q2/contracts';
import type { Tx } from '@q2/database';
import { eventJson, type ReceivedEvent, Subscriptions } from '@q2/events';
import { keepForListeners } from '../executions/execution-store.js';

/** Records of what everybody did, which no workflow waits for. */
const unheard = new Set(['q2.audit.events.v1', 'q2.usage.events.v1']);

/** Tells executions of the platform events that their steps wait for. */
@Injectable()
export class EventListener implements OnModuleInit {
  constructor(@Inject(Subscriptions) private readonly subscriptions: Subscriptions) {}

  onModuleInit(): void {
    const topics = eventTopics.filter((topic) => !unheard.has(topic));
    this.subscriptions.add({ consumer: 'workflows.wait-for-event', topics, handle: (tx, event) => this.handle(tx, event) });
  }

  private async handle(tx: Tx, event: ReceivedEvent): Promise<void> {
    const { id, type, key } = event;
    await keepForListeners(tx, { id, type, key, data: eventJson(event) });
  }
}
