import type { Message } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { auditEvents } from '@q2/contracts';
import type { Tx } from '@q2/database';
import type { Outbox } from '@q2/events';
import type { Call } from '../call.js';
import type { ServedMethod } from './served-method.js';

/** Announces audited calls, in the transaction of what they changed. */
export class Audit {
  constructor(private readonly outbox: Outbox) {}

  async record(tx: Tx, method: ServedMethod, subject: { call: Call; request: Message | undefined }): Promise<void> {
    if (!method.policy.audited) return;
    const { call, request } = subject;
    await this.outbox.add(tx, {
      type: auditEvents.AuditRecordedSchema,
      key: `tenants/${call.tenant}`,
      data: {
        tenant: call.tenant,
        service: method.service,
        method: method.name,
        resourceName: request ? resourceNameOf(request) : '',
        principal: call.principal.id,
        requestId: call.requestId ?? '',
        time: timestampFromDate(new Date()),
        code: 'OK',
        peer: call.peer,
      },
    });
  }
}

/** What a call is about: its `name`, or the `parent` that it adds to. */
function resourceNameOf(request: Message): string {
  const fields = new Map<string, unknown>(Object.entries(request));
  const named = fields.get('name') ?? fields.get('parent');
  return typeof named === 'string' ? named : '';
}
