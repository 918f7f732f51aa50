import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { schedules } from '@q2/contracts';
import { Subscriptions } from '@q2/events';
import { GrpcEndpoint, ServiceModule } from '@q2/service-kit';
import { EmittedEvents } from './events/emitted-events.service.js';
import { EventTriggers } from './events/event-triggers.service.js';
import { EventsConsumer } from './events/events.consumer.js';
import { EventsGrpc } from './events/events.grpc.js';
import { DueTriggers } from './firings/due-triggers.service.js';
import { FiringStore } from './firings/firing-store.service.js';
import { FiringsService } from './firings/firings.service.js';
import { GrpcWorkflowStarter } from './firings/grpc-workflow-starter.adapter.js';
import { PendingFirings } from './firings/pending-firings.service.js';
import { SchedulerGauges } from './firings/scheduler-gauges.service.js';
import { SchedulerLoops } from './firings/scheduler-loops.service.js';
import { WorkflowStarter } from './firings/workflow-starter.port.js';
import { ScheduleQuota } from './quota/schedule-quota.port.js';
import { TenantScheduleQuota } from './quota/tenant-schedule-quota.adapter.js';
import { schedulerSchema } from './scheduler-schema.js';
import { TriggersGrpc } from './triggers/triggers.grpc.js';
import { TriggersService } from './triggers/triggers.service.js';

const areas = ['tenants', 'models', 'experiments', 'monitoring', 'workflows', 'schedules'];

/** Starts workflows, or emits events, when it is time, when something happened, or when something else has finished. */
@Module({
  imports: [ServiceModule.register({ name: 'scheduler', schema: schedulerSchema })],
  providers: [
    TriggersService,
    TriggersGrpc,
    FiringStore,
    FiringsService,
    DueTriggers,
    PendingFirings,
    SchedulerLoops,
    SchedulerGauges,
    EmittedEvents,
    EventTriggers,
    EventsGrpc,
    EventsConsumer,
    { provide: ScheduleQuota, useClass: TenantScheduleQuota },
    { provide: WorkflowStarter, useClass: GrpcWorkflowStarter },
  ],
})
export class SchedulerModule implements OnModuleInit {
  constructor(
    @Inject(GrpcEndpoint) private readonly grpc: GrpcEndpoint,
    @Inject(Subscriptions) private readonly subscriptions: Subscriptions,
    @Inject(TriggersGrpc) private readonly triggers: TriggersGrpc,
    @Inject(EventsGrpc) private readonly events: EventsGrpc,
    @Inject(EventTriggers) private readonly eventTriggers: EventTriggers,
  ) {}

  onModuleInit(): void {
    this.grpc.serve(schedules.TriggerService, this.triggers);
    this.grpc.serve(schedules.EventService, this.events);
    this.subscriptions.add({
      consumer: 'schedules.triggers',
      topics: areas.map((area) => `q2.${area}.events.v1`),
      handle: (tx, event) => this.eventTriggers.handle(tx, event),
    });
  }
}
