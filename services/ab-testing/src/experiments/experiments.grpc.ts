import { create } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import { experiments } from '@q2/contracts';
import { decodePage, encodePage, pageSizeOf, type Call, type ServiceImpl } from '@q2/service-kit';
import { z } from 'zod';
import { decisionOf, DecisionsService } from '../decisions/decisions.service.js';
import { EndingsService } from '../decisions/endings.service.js';
import type { ExperimentRow } from './experiment.entity.js';
import { keyOf } from './experiment-key.js';
import { ExperimentsService } from './experiments.service.js';
import { experimentOf } from './stored-experiment.js';
import { applyUpdate } from './update-mask.js';

const experimentCursor = z.object({ createdAt: z.iso.datetime(), id: z.string() });
const decisionCursor = z.uuid();

/** Serves ExperimentService. */
@Injectable()
export class ExperimentsGrpc implements ServiceImpl<typeof experiments.ExperimentService> {
  constructor(
    @Inject(ExperimentsService) private readonly experiments: ExperimentsService,
    @Inject(DecisionsService) private readonly decisions: DecisionsService,
    @Inject(EndingsService) private readonly endings: EndingsService,
  ) {}

  async createExperiment(request: experiments.CreateExperimentRequest, call: Call) {
    const given = request.experiment ?? create(experiments.ExperimentSchema);
    return experimentOf(await this.experiments.create({ tenant: call.tenant, id: request.experimentId }, given));
  }

  async getExperiment({ name }: experiments.GetExperimentRequest) {
    return experimentOf(await this.experiments.get(keyOf(name)));
  }

  async listExperiments(request: experiments.ListExperimentsRequest, call: Call) {
    const limit = pageSizeOf(request);
    const rows = await this.experiments.list(call.tenant, { after: decodePage(request.pageToken, experimentCursor), limit });
    return { experiments: rows.map(experimentOf), nextPageToken: nextToken(rows, limit, cursorOf) };
  }

  async updateExperiment(request: experiments.UpdateExperimentRequest) {
    const given = request.experiment ?? create(experiments.ExperimentSchema);
    const key = keyOf(given.name, 'experiment.name');
    const change = (before: experiments.Experiment) => applyUpdate(before, given, request.updateMask?.paths ?? []);
    return experimentOf(await this.experiments.update(key, given.etag, change));
  }

  async startExperiment({ name }: experiments.StartExperimentRequest, call: Call) {
    return experimentOf(await this.experiments.start(keyOf(name), call.principal.id));
  }

  async pauseExperiment({ name, reason }: experiments.PauseExperimentRequest, call: Call) {
    return experimentOf(await this.experiments.pause(keyOf(name), call.principal.id, reason));
  }

  async resumeExperiment({ name }: experiments.ResumeExperimentRequest, call: Call) {
    return experimentOf(await this.experiments.resume(keyOf(name), call.principal.id));
  }

  async completeExperiment({ name, winnerVariant, reason }: experiments.CompleteExperimentRequest, call: Call) {
    return experimentOf(await this.endings.complete(keyOf(name), { winnerVariant, reason, by: call.principal.id }));
  }

  async rollBackExperiment({ name, reason }: experiments.RollBackExperimentRequest, call: Call) {
    return experimentOf(await this.endings.rollBack(keyOf(name), { reason, by: call.principal.id }));
  }

  async listDecisions(request: experiments.ListDecisionsRequest) {
    const limit = pageSizeOf(request);
    const after = decodePage(request.pageToken, decisionCursor);
    const rows = await this.decisions.list(keyOf(request.parent, 'parent'), { after, limit });
    return { decisions: rows.map(decisionOf), nextPageToken: nextToken(rows, limit, ({ id }) => id) };
  }
}

function cursorOf({ createdAt, id }: ExperimentRow) {
  return { createdAt: createdAt.toISOString(), id };
}

/** Token of the page after a full one. */
function nextToken<Row>(rows: readonly Row[], limit: number, cursor: (row: Row) => Parameters<typeof encodePage>[0]): string {
  const last = rows.at(-1);
  return last !== undefined && rows.length === limit ? encodePage(cursor(last)) : '';
}
