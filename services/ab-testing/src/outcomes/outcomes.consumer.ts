import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { experiments } from '@q2/contracts';
import { Ingress, ingressCall, streamOfOne, type IngressReceipt } from '@q2/service-kit';
import { OutcomesGrpc } from './outcomes.grpc.js';

const { recordExposuresStream, recordOutcomesStream } = experiments.OutcomeService.method;

/** Takes exposures and outcomes that producers outside publish, as the streams of OutcomeService take them. */
@Injectable()
export class OutcomesConsumer implements OnModuleInit {
  constructor(
    @Inject(Ingress) private readonly ingress: Ingress,
    @Inject(OutcomesGrpc) private readonly outcomes: OutcomesGrpc,
  ) {}

  onModuleInit(): void {
    const exposures = ingressCall(recordExposuresStream, {
      complete: (request, { time }) => {
        for (const exposure of request.exposures) exposure.exposeTime ??= timestampFromDate(time);
      },
      handle: async (request) => receiptOf(await this.outcomes.recordExposuresStream(streamOfOne(request))),
    });
    const outcomes = ingressCall(recordOutcomesStream, {
      complete: (request, { time }) => {
        for (const outcome of request.outcomes) outcome.outcomeTime ??= timestampFromDate(time);
      },
      handle: async (request) => receiptOf(await this.outcomes.recordOutcomesStream(streamOfOne(request))),
    });
    this.ingress.serve({ consumer: 'ab-testing.ingress', topic: 'q2.ingress.outcomes.v1', calls: [exposures, outcomes] });
  }
}

function receiptOf(response: Awaited<ReturnType<OutcomesGrpc['recordOutcomesStream']>>): IngressReceipt {
  const { acceptedCount, duplicateCount, rejectedCount, rejections } = response;
  return { counted: acceptedCount + duplicateCount, refused: rejectedCount, refusals: rejections };
}
