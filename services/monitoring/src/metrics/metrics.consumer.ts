import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { monitoring } from '@q2/contracts';
import { Ingress, ingressCall, recordUuid, streamOfOne, type Call, type IngressReceipt, type RecordFacts } from '@q2/service-kit';
import { MetricsGrpc } from './metrics.grpc.js';

/** Takes batches of points that producers outside publish, as RecordStream takes them. */
@Injectable()
export class MetricsConsumer implements OnModuleInit {
  constructor(
    @Inject(Ingress) private readonly ingress: Ingress,
    @Inject(MetricsGrpc) private readonly metrics: MetricsGrpc,
  ) {}

  onModuleInit(): void {
    const record = ingressCall(monitoring.MetricService.method.recordStream, {
      complete,
      handle: (request, call) => this.record(request, call),
    });
    this.ingress.serve({ consumer: 'monitoring.ingress', topic: 'q2.ingress.metrics.v1', calls: [record] });
  }

  private async record(request: monitoring.RecordStreamRequest, call: Call): Promise<IngressReceipt> {
    const { acceptedPoints, duplicatePoints, rejectedPoints, rejections } = await this.metrics.recordStream(streamOfOne(request), call);
    return { counted: acceptedPoints + duplicatePoints, refused: rejectedPoints, refusals: rejections };
  }
}

/** The record's event names the batch, and tells when a point was measured that does not say so itself. */
function complete(request: monitoring.RecordStreamRequest, facts: RecordFacts): void {
  request.parent ||= `tenants/${facts.tenant}`;
  request.batchId ||= recordUuid(facts);
  for (const point of request.points) point.time ??= timestampFromDate(facts.time);
}
