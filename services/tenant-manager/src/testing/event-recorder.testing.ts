import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { Inject, Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { tenantEvents } from '@q2/contracts';
import { decodeEvent, Subscriptions, topicOf, type ReceivedEvent } from '@q2/events';
import { ServiceModule } from '@q2/service-kit';

/** A subscriber like any other service, which remembers what it was told. */
@Injectable()
export class EventRecorder implements OnModuleInit {
  private readonly events: ReceivedEvent[] = [];

  constructor(@Inject(Subscriptions) private readonly subscriptions: Subscriptions) {}

  onModuleInit(): void {
    this.subscriptions.add({
      consumer: 'recorder.all',
      topics: [topicOf(tenantEvents.TenantCreatedSchema)],
      handle: async (_tx, event) => {
        this.events.push(event);
      },
    });
  }

  /** The events of a type and key so far, in order, with the tenant each was published for. */
  find<S extends DescMessage>(schema: S, key: string): (MessageShape<S> & { publishedFor: string })[] {
    const found = this.events.filter((event) => event.type === schema.typeName && event.key === key);
    return found.map((event) => ({ ...decodeEvent(schema, event), publishedFor: event.tenant }));
  }
}

/** A service of its own, with its own schema and consumer group. */
@Module({
  imports: [ServiceModule.register({ name: 'recorder', schema: { name: 'recorder', entities: [], migrations: [] } })],
  providers: [EventRecorder],
})
export class EventRecorderModule {}

/** Repeats a check until it holds; the last failure is thrown after ten seconds. */
export async function eventually(check: () => unknown): Promise<void> {
  const untilMs = Date.now() + 10_000;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > untilMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
