import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import type { experiments } from '@q2/contracts';
import { Clock, type ServiceImpl } from '@q2/service-kit';
import { keyOf } from '../experiments/experiment-key.js';
import { OutcomesService, type Receipt } from './outcomes.service.js';
import { ReceiptTotals } from './receipt-totals.js';

/** Serves OutcomeService: each message of a stream is one transaction, stored before the next is read. */
@Injectable()
export class OutcomesGrpc implements ServiceImpl<typeof experiments.OutcomeService> {
  constructor(
    @Inject(OutcomesService) private readonly outcomes: OutcomesService,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  recordExposuresStream(requests: AsyncIterable<experiments.RecordExposuresStreamRequest>) {
    return totalOf(requests, ({ experiment, exposures }) =>
      this.outcomes.recordExposures(
        keyOf(experiment, 'experiment'),
        exposures.map(({ id, unitId, variant, exposeTime }) => ({ id, unitId, variant, at: this.instant(exposeTime) })),
      ),
    );
  }

  recordOutcomesStream(requests: AsyncIterable<experiments.RecordOutcomesStreamRequest>) {
    return totalOf(requests, ({ experiment, outcomes }) =>
      this.outcomes.recordOutcomes(
        keyOf(experiment, 'experiment'),
        outcomes.map(({ id, unitId, metric, value, outcomeTime }) => ({ id, unitId, metric, value, at: this.instant(outcomeTime) })),
      ),
    );
  }

  private instant(given: Timestamp | undefined): string {
    return (given ? timestampDate(given) : this.clock.now()).toISOString();
  }
}

async function totalOf<Request>(requests: AsyncIterable<Request>, store: (request: Request) => Promise<Receipt>) {
  const totals = new ReceiptTotals();
  for await (const request of requests) totals.add(await store(request));
  return totals.response();
}
