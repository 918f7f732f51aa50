import { randomUUID } from 'node:crypto';
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Module, type DynamicModule, type OnModuleInit } from '@nestjs/common';
import { monitoring } from '@q2/contracts';
import { Subscriptions, type ReceivedEvent } from '@q2/events';
import { Clock, ServiceModule } from '@q2/service-kit';
import { startTestPlatform, type TestPlatform } from '@q2/testing';
import { MonitoringModule } from './monitoring.module.js';

/** A message written as plain fields. */
export type Fields<Schema extends DescMessage> = Extract<MessageInitShape<Schema>, { readonly $typeName?: never }>;
export type MonitorInit = Fields<typeof monitoring.MonitorSchema>;
export type PointInit = Fields<typeof monitoring.PointSchema>;

/** A clock that a test moves by hand, starting at the real time. */
export class HandClock extends Clock {
  private aheadMs = 0;

  override now(): Date {
    return new Date(Date.now() + this.aheadMs);
  }

  /** Moves the clock on. */
  advance(milliseconds: number): void {
    this.aheadMs += milliseconds;
  }
}

/** Collects the events that monitoring announces, as another service would receive them. */
@Module({ imports: [ServiceModule.register({ name: 'listener', schema: { name: 'listener', entities: [], migrations: [] } })] })
class ListenerModule implements OnModuleInit {
  static readonly received = new Array<ReceivedEvent>();

  constructor(@Inject(Subscriptions) private readonly subscriptions: Subscriptions) {}

  onModuleInit(): void {
    this.subscriptions.add({
      consumer: 'listener.monitoring',
      topics: ['q2.monitoring.events.v1'],
      handle: (_, event) => {
        ListenerModule.received.push(event);
        return Promise.resolve();
      },
    });
  }
}

/** What `startMonitoring` may be told. */
export interface MonitoringOptions {
  readonly clock?: Clock;
  /** Goes on with the database of an earlier process. */
  readonly databaseUrl?: string;
  readonly hasListener?: boolean;
  /** Settings, as environment variables. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Starts the service for a test. */
export function startMonitoring({
  clock,
  databaseUrl,
  hasListener = false,
  environment = {},
}: MonitoringOptions = {}): Promise<TestPlatform> {
  const listeners: DynamicModule[] = hasListener ? [{ module: ListenerModule }] : [];
  return startTestPlatform({
    modules: [MonitoringModule, ...listeners],
    environment,
    ...(clock && { clock }),
    ...(databaseUrl !== undefined && { databaseUrl }),
  });
}

/** Events of a tenant received so far, in the order received. */
export function receivedEvents(tenant: string): ReceivedEvent[] {
  return ListenerModule.received.filter((event) => event.tenant === tenant);
}

/** Repeats `look` until it gives something; fails after `timeoutMs`. */
export async function eventually<T>(look: () => Promise<T | undefined> | T | undefined, timeoutMs = 8_000): Promise<T> {
  const deadlineMs = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadlineMs) throw new Error('did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** One tenant of a platform, with the calls that tests make. */
export function tenantOf(platform: TestPlatform, tenant: string, roles: readonly string[] = ['editor']) {
  const parent = `tenants/${tenant}`;
  const as = { tenant, roles };
  const metrics = platform.client(monitoring.MetricService, as);
  const monitors = platform.client(monitoring.MonitorService, as);
  const alerts = platform.client(monitoring.AlertService, as);
  return {
    parent,
    metrics,
    monitors,
    alerts,
    /** Sends one batch. */
    record: (points: readonly PointInit[], batchId: string = randomUUID()) =>
      metrics.recordStream(stream([{ parent, batchId, points: [...points] }])),
    /** Sends `count` points of the model's error metric, of which `errors` are errors. */
    recordErrors: async (version: string, count: number, errors: number, at: Date) => {
      const points = Array.from({ length: count }, (_, index) => ({
        metric: 'prediction_errors',
        labels: { model: 'digits', version },
        value: index < errors ? 1 : 0,
        time: timestampFromDate(at),
      }));
      return metrics.recordStream(stream([{ parent, batchId: randomUUID(), points }]));
    },
    /** Alerts, newest first. */
    listAlerts: async () => (await alerts.listAlerts({ parent })).alerts,
    /** Creates a monitor of the model's error rate by version. */
    watchErrors: (changes: MonitorInit = {}, monitorId = 'errors') =>
      monitors.createMonitor({ parent, monitorId, monitor: { ...errorRate(tenant), ...changes } }),
  };
}

/** An error rate above 10 % is a warning, above 30 % critical; fires at once. */
export function errorRate(tenant: string): MonitorInit {
  return {
    target: `tenants/${tenant}/models/digits`,
    metric: 'prediction_errors',
    matchers: [{ label: 'model', value: 'digits' }],
    groupBy: ['version'],
    aggregation: monitoring.Aggregation.AVERAGE,
    window: { seconds: 60n },
    comparison: monitoring.Comparison.GREATER,
    warningThreshold: 0.1,
    criticalThreshold: 0.3,
    minimumSamples: 10,
    evaluationInterval: { seconds: 1n },
  };
}

/** Gives values one by one, as a stream of requests. */
export async function* stream<T>(values: readonly T[]): AsyncIterable<T> {
  for (const value of values) yield await Promise.resolve(value);
}
