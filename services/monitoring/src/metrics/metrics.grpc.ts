import { Inject, Injectable } from '@nestjs/common';
import { durationMs, timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { monitoring } from '@q2/contracts';
import { InvalidArgument } from '@q2/errors';
import { Clock, decodePage, pageSizeOf, type Call, type ServiceImpl } from '@q2/service-kit';
import { z } from 'zod';
import { nameIn } from '../enum-names.js';
import { nextToken } from '../next-token.js';
import type { Point, Rejection } from './admission.js';
import { MetricsService } from './metrics.service.js';
import { fromMatcherProtos } from './matcher-proto.js';
import { aggregations, type RangeQuery } from './range.js';
import { TimeSeriesStore } from './time-series.port.js';

/** Rejections told of in one answer. */
const maxRejections = 100;
const seriesCursor = z.string().regex(/^\d{1,18}$/);
const metricCursor = z.string().max(200);

/** MetricService of the contract. */
@Injectable()
export class MetricsGrpc implements ServiceImpl<typeof monitoring.MetricService> {
  constructor(
    @Inject(MetricsService) private readonly metrics: MetricsService,
    @Inject(TimeSeriesStore) private readonly store: TimeSeriesStore,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  async recordStream(requests: AsyncIterable<monitoring.RecordStreamRequest>, call: Call) {
    const total = { acceptedPoints: 0n, duplicatePoints: 0n, rejectedPoints: 0n, rejections: new Array<Rejection & { batchId: string }>() };
    for await (const { batchId, points } of requests) {
      const arrivedAt = this.clock.now();
      const recorded = await this.metrics.record(call.tenant, {
        id: batchId,
        points: points.map((point) => fromPointProto(point, arrivedAt)),
      });
      total.acceptedPoints += BigInt(recorded.accepted);
      total.duplicatePoints += BigInt(recorded.duplicates);
      total.rejectedPoints += BigInt(recorded.rejections.length);
      const room = maxRejections - total.rejections.length;
      total.rejections.push(...recorded.rejections.slice(0, room).map((rejection) => ({ ...rejection, batchId })));
    }
    return total;
  }

  async queryRange(request: monitoring.QueryRangeRequest, call: Call) {
    const series = await this.metrics.query(call.tenant, rangeOf(request));
    return {
      series: series.map(({ labels, samples }) => ({
        labels: { ...labels },
        samples: samples.map(({ at, value, points }) => ({ time: timestampFromDate(at), value, points: BigInt(points) })),
      })),
    };
  }

  async listSeries(request: monitoring.ListSeriesRequest, call: Call) {
    const limit = pageSizeOf(request);
    const filter = { metric: request.metric, matchers: fromMatcherProtos(request.matchers) };
    const after = decodePage(request.pageToken, seriesCursor);
    const found = await this.store.listSeries(call.tenant, filter, { after, limit });
    const series = found.map(({ metric, labels, createdAt, lastRecordAt }) => ({
      metric,
      labels: { ...labels },
      createTime: timestampFromDate(createdAt),
      lastRecordTime: timestampFromDate(lastRecordAt),
    }));
    return { series, nextPageToken: nextToken(found, limit, ({ id }) => id) };
  }

  async listMetrics(request: monitoring.ListMetricsRequest, call: Call) {
    const limit = pageSizeOf(request);
    const found = await this.store.listMetrics(call.tenant, { after: decodePage(request.pageToken, metricCursor), limit });
    const metrics = found.map(({ metric, series }) => ({ metric, series: BigInt(series) }));
    return { metrics, nextPageToken: nextToken(found, limit, ({ metric }) => metric) };
  }
}

function fromPointProto({ metric, labels, value, time }: monitoring.Point, arrivedAt: Date): Point {
  return { metric, labels, value, at: time ? timestampDate(time) : arrivedAt };
}

function rangeOf(request: monitoring.QueryRangeRequest): RangeQuery {
  const { metric, matchers, groupBy, window, startTime, endTime } = request;
  const aggregation = nameIn(aggregations, monitoring.Aggregation, request.aggregation);
  if (!aggregation || !window || !startTime || !endTime)
    throw InvalidArgument.field('aggregation', 'must be set, as must window, start_time and end_time');
  const windowMs = durationMs(window);
  return {
    metric,
    matchers: fromMatcherProtos(matchers),
    groupBy,
    aggregation,
    windowMs,
    start: timestampDate(startTime),
    end: timestampDate(endTime),
  };
}
