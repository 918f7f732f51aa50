import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { schedules } from '@q2/contracts';
import { newId } from '@q2/database';
import { Clock, decodePage, encodePage, pageSizeOf, type Call, type ServiceImpl } from '@q2/service-kit';
import { z } from 'zod';
import { FiringsService, toFiringProto } from '../firings/firings.service.js';
import { mergeUpcoming, type Coming } from '../times/upcoming.js';
import { TriggersService, type TriggerKey } from './triggers.service.js';
import { toTriggerProto } from './trigger-row.js';
import { scheduleOf, type Trigger } from './trigger.js';

const { triggerName } = schedules;
const triggerCursor = z.object({ afterId: z.string().regex(/^[a-z0-9-]*$/) });
const firingCursor = z.object({ nominalAt: z.iso.datetime(), key: z.string().regex(/^[A-Za-z0-9._~-]+$/) });
const upcomingDefault = 10;

/** TriggerService. */
@Injectable()
export class TriggersGrpc implements ServiceImpl<typeof schedules.TriggerService> {
  constructor(
    @Inject(TriggersService) private readonly triggers: TriggersService,
    @Inject(FiringsService) private readonly firings: FiringsService,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  async createTrigger({ triggerId, trigger }: schedules.CreateTriggerRequest, call: Call) {
    const id = triggerId === '' ? `trigger-${newId()}` : triggerId;
    return this.toProto(await this.triggers.create({ tenant: call.tenant, id }, required(trigger)));
  }

  async getTrigger({ name }: schedules.GetTriggerRequest) {
    return this.toProto(await this.triggers.get(keyOf(name)));
  }

  async listTriggers(request: schedules.ListTriggersRequest, call: Call) {
    const limit = pageSizeOf(request);
    const { afterId } = decodePage(request.pageToken, triggerCursor) ?? { afterId: '' };
    const triggers = await this.triggers.list(call.tenant, { limit, afterId });
    const last = triggers.length === limit ? triggers.at(-1) : undefined;
    return { triggers: triggers.map((trigger) => this.toProto(trigger)), nextPageToken: last ? encodePage({ afterId: last.id }) : '' };
  }

  async updateTrigger({ name, trigger, updateMask }: schedules.UpdateTriggerRequest) {
    return this.toProto(await this.triggers.update(keyOf(name), required(trigger), updateMask?.paths ?? []));
  }

  async deleteTrigger({ name, etag }: schedules.DeleteTriggerRequest) {
    await this.triggers.delete({ ...keyOf(name), etag });
    return {};
  }

  async pauseTrigger({ name }: schedules.PauseTriggerRequest) {
    return this.toProto(await this.triggers.pause(keyOf(name)));
  }

  async resumeTrigger({ name }: schedules.ResumeTriggerRequest) {
    return this.toProto(await this.triggers.resume(keyOf(name)));
  }

  async runNow({ name }: schedules.RunNowRequest, call: Call) {
    const { tenant, id } = keyOf(name);
    const key = await this.triggers.runNow({ tenant, id }, call.requestId?.toLowerCase() ?? newId());
    return toFiringProto(await this.firings.get(tenant, id, key));
  }

  async listUpcoming(request: schedules.ListUpcomingRequest, call: Call) {
    const count = request.count === 0 ? upcomingDefault : request.count;
    const triggers = triggerName.matches(request.parent)
      ? [await this.triggers.get(keyOf(request.parent))]
      : await this.triggers.listNextDue(call.tenant, count);
    const times = mergeUpcoming(triggers.map(comingOf), this.clock.now().getTime(), count);
    return { firings: times.map(({ name, ms }) => ({ trigger: name, time: timestampFromMs(ms) })) };
  }

  async listFirings(request: schedules.ListFiringsRequest) {
    const { tenant, id: trigger } = keyOf(request.parent);
    await this.triggers.get({ tenant, id: trigger });
    const limit = pageSizeOf(request);
    const rows = await this.firings.list({
      tenant,
      trigger,
      state: request.state,
      limit,
      after: decodePage(request.pageToken, firingCursor),
    });
    const last = rows.length === limit ? rows.at(-1) : undefined;
    return {
      firings: rows.map(toFiringProto),
      nextPageToken: last ? encodePage({ nominalAt: last.nominal_at.toISOString(), key: last.key }) : '',
    };
  }

  private toProto(trigger: Trigger) {
    return toTriggerProto(trigger, this.clock.now());
  }
}

function keyOf(name: string): TriggerKey {
  const { tenant, trigger } = triggerName.parse(name);
  return { tenant, id: trigger };
}

function comingOf({ spec, tenant, id, createdAt, runCount }: Trigger): Coming {
  const left = spec.maxRuns === 0 ? Number.POSITIVE_INFINITY : spec.maxRuns - runCount;
  return { name: triggerName.format({ tenant, trigger: id }), schedule: scheduleOf(spec, createdAt), left };
}

function required(trigger: schedules.Trigger | undefined): schedules.Trigger {
  return trigger ?? create(schedules.TriggerSchema);
}
