import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { monitoring } from '@q2/contracts';
import { GrpcEndpoint, ProcessContext, ServiceModule } from '@q2/service-kit';
import { AlertFeed } from './alerts/alert-feed.service.js';
import { AlertGauges } from './alerts/alert-gauges.service.js';
import { AlertLifecycle } from './alerts/alert-lifecycle.service.js';
import { AlertsGrpc } from './alerts/alerts.grpc.js';
import { AlertsService } from './alerts/alerts.service.js';
import { Announcements } from './alerts/announcements.service.js';
import { Claims } from './evaluation/claims.service.js';
import { EvaluationLoop } from './evaluation/evaluation-loop.job.js';
import { Evaluator } from './evaluation/evaluator.service.js';
import { HealthService } from './health/health.service.js';
import { MetricsConsumer } from './metrics/metrics.consumer.js';
import { MetricsGrpc } from './metrics/metrics.grpc.js';
import { MetricsService } from './metrics/metrics.service.js';
import { PostgresTimeSeries } from './metrics/postgres-time-series.adapter.js';
import { TimeSeriesStore } from './metrics/time-series.port.js';
import { monitoringSchema } from './monitoring-schema.js';
import { MonitorsGrpc } from './monitors/monitors.grpc.js';
import { MonitorsService } from './monitors/monitors.service.js';
import { RetentionJob } from './retention/retention.job.js';
import { MonitoringSettings } from './settings.js';

/** The service: metrics in, monitors over them, alerts and health out. */
@Module({
  imports: [ServiceModule.register({ name: 'monitoring', schema: monitoringSchema })],
  providers: [
    {
      provide: MonitoringSettings,
      inject: [ProcessContext],
      useFactory: ({ environment }: ProcessContext) => new MonitoringSettings(environment),
    },
    { provide: TimeSeriesStore, useClass: PostgresTimeSeries },
    ...[MetricsService, MonitorsService, AlertsService, HealthService, AlertLifecycle, Announcements, AlertFeed, AlertGauges],
    ...[Claims, Evaluator, EvaluationLoop, RetentionJob],
    ...[MetricsGrpc, MonitorsGrpc, AlertsGrpc, MetricsConsumer],
  ],
})
export class MonitoringModule implements OnModuleInit {
  constructor(
    @Inject(GrpcEndpoint) private readonly grpc: GrpcEndpoint,
    @Inject(MetricsGrpc) private readonly metrics: MetricsGrpc,
    @Inject(MonitorsGrpc) private readonly monitors: MonitorsGrpc,
    @Inject(AlertsGrpc) private readonly alerts: AlertsGrpc,
  ) {}

  onModuleInit(): void {
    this.grpc.serve(monitoring.MetricService, this.metrics);
    this.grpc.serve(monitoring.MonitorService, this.monitors);
    this.grpc.serve(monitoring.AlertService, this.alerts);
  }
}
