import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { tenants } from '@q2/contracts';
import { Database } from '@q2/database';
import { Clock, decodePage, encodePage, pageSizeOf, type Call, type ServiceImpl } from '@q2/service-kit';
import { z } from 'zod';
import { instantCursor } from '../cursors.js';

interface HourRow {
  readonly hour: Date;
  readonly resource: string;
  /** A numeric as text. */
  readonly quantity: string;
}

const dayMs = 24 * 3_600_000;
const int64Most = 2n ** 63n - 1n;
/** Place where a page ended: its last hour and resource. */
const cursorSchema = z.tuple([instantCursor, z.string().regex(/^\P{Cc}{1,63}$/u)]);

/** Serves `q2.tenants.v1.UsageService`: one query, so there is no service between. */
@Injectable()
export class UsageGrpc implements ServiceImpl<typeof tenants.UsageService> {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  async getUsage(request: tenants.GetUsageRequest, call: Call) {
    const size = pageSizeOf(request);
    const until = request.endTime ? timestampDate(request.endTime) : this.clock.now();
    const from = request.startTime ? timestampDate(request.startTime) : new Date(until.getTime() - dayMs);
    const after = decodePage(request.pageToken, cursorSchema);
    const found = await this.database.inTenant(
      call.tenant,
      (tx) =>
        tx.query<HourRow>(
          `select hour, resource, quantity from usage_hours
           where tenant_id = $1 and hour >= $2 and hour < $3 and ($4 = '' or resource = $4)
             and ($5::timestamptz is null or (hour, resource) > ($5, $6))
           order by hour, resource limit $7`,
          [call.tenant, from, until, request.resource, after ? new Date(after[0]) : null, after?.[1] ?? null, size + 1],
        ),
      { readOnly: true },
    );
    const page = found.slice(0, size);
    const last = page.at(-1);
    return {
      hours: page.map(({ hour, resource, quantity }) => ({
        resource,
        startTime: timestampFromDate(hour),
        quantity: atMost(int64Most, BigInt(quantity)),
      })),
      nextPageToken: last && found.length > size ? encodePage([last.hour.getTime(), last.resource]) : '',
    };
  }
}

const atMost = (most: bigint, value: bigint): bigint => (value > most ? most : value);
