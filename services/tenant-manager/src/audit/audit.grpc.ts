import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { tenants } from '@q2/contracts';
import { decodePage, encodePage, pageSizeOf, type Call, type ServiceImpl } from '@q2/service-kit';
import { z } from 'zod';
import type { AuditEntry } from './audit-entry.js';
import { AuditLogService } from './audit-log.service.js';

/** Serves `q2.tenants.v1.AuditService`. */
@Injectable()
export class AuditGrpc implements ServiceImpl<typeof tenants.AuditService> {
  constructor(@Inject(AuditLogService) private readonly log: AuditLogService) {}

  async listEntries(request: tenants.ListEntriesRequest, call: Call) {
    const size = pageSizeOf(request);
    const found = await this.log.list(call.tenant, {
      before: decodePage(request.pageToken, z.int().positive()),
      from: request.startTime && timestampDate(request.startTime),
      until: request.endTime && timestampDate(request.endTime),
      method: request.method,
      size: size + 1,
    });
    const page = found.slice(0, size);
    return {
      entries: page.map((entry) => toEntryMessage(call.tenant, entry)),
      nextPageToken: found.length > size ? encodePage(page.at(-1)?.sequence ?? 0) : '',
    };
  }

  async verifyLog(_request: tenants.VerifyLogRequest, call: Call) {
    const { head, fault } = await this.log.verify(call.tenant);
    return {
      intact: fault === undefined,
      entryCount: BigInt(head.entryCount),
      headHash: head.hash,
      firstBadSequence: BigInt(fault?.sequence ?? 0),
      problem: fault?.problem ?? '',
    };
  }
}

/** What of an entry's content is shown apart; the event leaves out what is empty. */
const contentSchema = z.object({
  service: z.string().default(''),
  method: z.string().default(''),
  principal: z.string().default(''),
  resourceName: z.string().default(''),
  code: z.string().default(''),
  time: z.coerce.date(),
});

function toEntryMessage(tenant: string, entry: AuditEntry): MessageInitShape<typeof tenants.AuditEntrySchema> {
  const call = contentSchema.parse(JSON.parse(entry.content));
  return {
    name: tenants.auditEntryName.format({ tenant, sequence: String(entry.sequence) }),
    sequence: BigInt(entry.sequence),
    eventId: entry.eventId,
    callTime: timestampFromDate(call.time),
    service: call.service,
    method: `${call.service}/${call.method}`,
    principal: call.principal,
    resource: call.resourceName,
    contentJson: entry.content,
    previousHash: entry.previousHash,
    hash: entry.hash,
    code: call.code,
  };
}
