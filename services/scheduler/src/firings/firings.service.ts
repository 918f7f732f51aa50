import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { schedules } from '@q2/contracts';
import { Database } from '@q2/database';
import { NotFound } from '@q2/errors';

interface FiringRow {
  readonly tenant_id: string;
  readonly trigger_id: string;
  readonly key: string;
  readonly nominal_at: Date;
  readonly state: 'PENDING' | 'STARTED' | 'FAILED' | 'SKIPPED';
  readonly reason: string;
  readonly detail: string;
  readonly execution: string | null;
  readonly emitted_event: string | null;
  readonly cause_event_id: string | null;
  readonly attempts: number;
  readonly hops: number;
  readonly created_at: Date;
  readonly settled_at: Date | null;
  readonly ended_at: Date | null;
}

/** Where a page of firings ended. */
interface FiringCursor {
  readonly nominalAt: string;
  readonly key: string;
}

export interface FiringQuery {
  readonly tenant: string;
  readonly trigger: string;
  /** Only firings in this state; all where unspecified. */
  readonly state: schedules.FiringState;
  readonly limit: number;
  readonly after: FiringCursor | undefined;
}

const { FiringState } = schedules;
const states = {
  PENDING: FiringState.PENDING,
  STARTED: FiringState.STARTED,
  FAILED: FiringState.FAILED,
  SKIPPED: FiringState.SKIPPED,
} as const;
const stateNames = new Map<schedules.FiringState, string>(Object.entries(states).map(([name, state]) => [state, name]));

/** What triggers fired, to be read. */
@Injectable()
export class FiringsService {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** Lists a trigger's firings, newest first. */
  list(query: FiringQuery): Promise<FiringRow[]> {
    const { tenant, trigger, after } = query;
    return this.database.inTenant(
      tenant,
      (tx) =>
        tx.query<FiringRow>(
          `select f.*, t.id as trigger_id from firing f join trigger t on t.tenant_id = f.tenant_id and t.uid = f.trigger_uid
           where f.tenant_id = $1 and t.id = $2 and ($3::text is null or f.state = $3)
             and ($4::timestamptz is null or (f.nominal_at, f.key) < ($4, $5))
           order by f.nominal_at desc, f.key desc limit $6`,
          [tenant, trigger, stateNames.get(query.state), after && new Date(after.nominalAt), after?.key, query.limit],
        ),
      { readOnly: true },
    );
  }

  /** @throws {NotFound} FIRING_NOT_FOUND */
  get(tenant: string, trigger: string, key: string): Promise<FiringRow> {
    return this.database.inTenant(tenant, async (tx) => {
      const [row] = await tx.query<FiringRow>(
        `select f.*, t.id as trigger_id from firing f join trigger t on t.tenant_id = f.tenant_id and t.uid = f.trigger_uid
         where f.tenant_id = $1 and t.id = $2 and f.key = $3`,
        [tenant, trigger, key],
      );
      if (row === undefined)
        throw new NotFound('FIRING_NOT_FOUND', `triggers/${trigger}/firings/${key} does not exist`, { trigger, firing: key });
      return row;
    });
  }
}

/** A firing as the API shows it. Its execution is there once it is started. */
export function toFiringProto(row: FiringRow): MessageInitShape<typeof schedules.FiringSchema> {
  const { tenant_id: tenant, trigger_id: trigger, key, settled_at, ended_at } = row;
  return {
    name: schedules.firingName.format({ tenant, trigger, firing: key }),
    nominalTime: timestampFromDate(row.nominal_at),
    state: states[row.state],
    reason: row.reason,
    detail: row.detail,
    execution: (row.state === 'STARTED' && row.execution) || '',
    emittedEvent: row.emitted_event ?? '',
    causeEventId: row.cause_event_id ?? '',
    attempts: row.attempts,
    hops: row.hops,
    createTime: timestampFromDate(row.created_at),
    ...(settled_at && { settleTime: timestampFromDate(settled_at) }),
    ...(ended_at && { endTime: timestampFromDate(ended_at) }),
  };
}
