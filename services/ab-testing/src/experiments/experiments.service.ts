import { Inject, Injectable } from '@nestjs/common';
import { experimentEvents } from '@q2/contracts';
import { Database, isUniqueViolation, type Tx } from '@q2/database';
import { Aborted, AlreadyExists, NotFound } from '@q2/errors';
import { Outbox } from '@q2/events';
import { Clock } from '@q2/service-kit';
import { RunningQuotaService } from '../quota/running-quota.service.js';
import { defineExperiment, type Experiment } from './experiment.js';
import { ExperimentRow } from './experiment.entity.js';
import type { ExperimentKey } from './experiment-key.js';
import { requireAllowed, type Action, type StateName } from './lifecycle.js';
import { experimentOf, nameOf, storedDefinition } from './stored-experiment.js';

/** Where a page of experiments continues: after the last one of the page before. */
export interface ExperimentCursor {
  readonly createdAt: string;
  readonly id: string;
}

/** Keeps experiments and starts, pauses and resumes them. How they end is in `DecisionsService`. */
@Injectable()
export class ExperimentsService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(RunningQuotaService) private readonly quota: RunningQuotaService,
  ) {}

  /**
   * @throws {InvalidArgument} naming every field that breaks a rule
   * @throws {AlreadyExists} EXPERIMENT_EXISTS
   */
  async create({ tenant, id }: ExperimentKey, given: Experiment): Promise<ExperimentRow> {
    const now = this.clock.now();
    const definition = storedDefinition(defineExperiment(id, given));
    const row: ExperimentRow = { ...new ExperimentRow(), tenantId: tenant, id, definition, createdAt: now, updatedAt: now };
    try {
      await this.database.inTenant(tenant, (tx) => tx.manager.insert(ExperimentRow, row));
    } catch (error) {
      if (!isUniqueViolation(error)) throw error;
      throw new AlreadyExists('EXPERIMENT_EXISTS', `${nameOf(row)} exists already`, { experiment: nameOf(row) });
    }
    return row;
  }

  /** @throws {NotFound} EXPERIMENT_NOT_FOUND */
  get(key: ExperimentKey): Promise<ExperimentRow> {
    return this.database.inTenant(key.tenant, (tx) => getExperiment(tx, key));
  }

  /** A page of a tenant's experiments, newest first. */
  list(tenant: string, page: { readonly after: ExperimentCursor | undefined; readonly limit: number }): Promise<ExperimentRow[]> {
    return this.database.inTenant(tenant, (tx) => {
      const query = tx.manager.createQueryBuilder(ExperimentRow, 'experiment').where('experiment.tenantId = :tenant', { tenant });
      if (page.after) query.andWhere('(experiment.createdAt, experiment.id) < (:createdAt, :id)', page.after);
      return query.orderBy('experiment.createdAt', 'DESC').addOrderBy('experiment.id', 'DESC').limit(page.limit).getMany();
    });
  }

  /**
   * Changes a draft.
   *
   * @param etag   of the experiment as it was read; empty does not check
   * @param change makes the new definition of the old one
   * @throws {NotFound} EXPERIMENT_NOT_FOUND
   * @throws {Aborted} EXPERIMENT_CHANGED where the etag is not the current one
   * @throws {FailedPrecondition} EXPERIMENT_STATE once it was started
   * @throws {InvalidArgument} naming every field that breaks a rule
   */
  update(key: ExperimentKey, etag: string, change: (before: Experiment) => Experiment): Promise<ExperimentRow> {
    return this.database.inTenant(key.tenant, async (tx) => {
      const row = await lockExperiment(tx, key);
      if (etag !== '' && etag !== `${row.revision}`) throw changedMeanwhile(row, etag);
      requireAllowed('update', { name: nameOf(row), state: row.state });
      const definition = storedDefinition(defineExperiment(key.id, change(experimentOf(row))));
      return saveChange(tx, row, { definition, updatedAt: this.clock.now() });
    });
  }

  /**
   * @throws {FailedPrecondition} EXPERIMENT_STATE where it is not a DRAFT
   * @throws {ResourceExhausted} QUOTA_EXCEEDED where the plan allows no more started experiments
   */
  start(key: ExperimentKey, by: string): Promise<ExperimentRow> {
    return this.move(key, { action: 'start', to: 'RUNNING' }, async (tx, row) => {
      await this.announceStart(tx, row, { by, resumed: false });
      await this.quota.acquire(key);
    });
  }

  /** @throws {FailedPrecondition} EXPERIMENT_STATE where it is not PAUSED */
  resume(key: ExperimentKey, by: string): Promise<ExperimentRow> {
    return this.move(key, { action: 'resume', to: 'RUNNING' }, (tx, row) => this.announceStart(tx, row, { by, resumed: true }));
  }

  /** @throws {FailedPrecondition} EXPERIMENT_STATE where it is not RUNNING */
  pause(key: ExperimentKey, by: string, reason: string): Promise<ExperimentRow> {
    return this.move(key, { action: 'pause', to: 'PAUSED' }, (tx, row) => {
      const data = { experiment: nameOf(row), reason, pausedBy: by };
      return this.outbox.add(tx, { type: experimentEvents.ExperimentPausedSchema, data, key: nameOf(row) });
    });
  }

  private announceStart(tx: Tx, row: ExperimentRow, { by, resumed }: { by: string; resumed: boolean }): Promise<void> {
    const data = { experiment: nameOf(row), resumed, startedBy: by };
    return this.outbox.add(tx, { type: experimentEvents.ExperimentStartedSchema, data, key: nameOf(row) });
  }

  private move(
    key: ExperimentKey,
    step: { action: Action; to: StateName },
    announce: (tx: Tx, row: ExperimentRow) => Promise<void>,
  ): Promise<ExperimentRow> {
    return this.database.inTenant(key.tenant, async (tx) => {
      const row = await lockExperiment(tx, key);
      requireAllowed(step.action, { name: nameOf(row), state: row.state });
      const now = this.clock.now();
      const changed = await saveChange(tx, row, { state: step.to, startedAt: row.startedAt ?? now, updatedAt: now });
      await announce(tx, changed);
      return changed;
    });
  }
}

/** @throws {NotFound} EXPERIMENT_NOT_FOUND */
export async function getExperiment(tx: Tx, key: ExperimentKey): Promise<ExperimentRow> {
  return (await tx.manager.findOneBy(ExperimentRow, { tenantId: key.tenant, id: key.id })) ?? notFound(key);
}

/**
 * Reads an experiment and keeps others from changing it, or adding data to it, until the transaction ends.
 *
 * @throws {NotFound} EXPERIMENT_NOT_FOUND
 */
export async function lockExperiment(tx: Tx, key: ExperimentKey): Promise<ExperimentRow> {
  return (await findLocked(tx, key)) ?? notFound(key);
}

/** As `lockExperiment`, but gives null where there is none. */
export function findLocked(tx: Tx, { tenant, id }: ExperimentKey): Promise<ExperimentRow | null> {
  return tx.manager.findOne(ExperimentRow, { where: { tenantId: tenant, id }, lock: { mode: 'pessimistic_write' } });
}

/** Writes a change of a locked experiment and counts it. */
export async function saveChange(tx: Tx, row: ExperimentRow, change: Partial<ExperimentRow>): Promise<ExperimentRow> {
  const changed: ExperimentRow = { ...row, ...change, revision: row.revision + 1 };
  await tx.manager.update(ExperimentRow, { tenantId: row.tenantId, id: row.id }, changed);
  return changed;
}

function notFound({ tenant, id }: ExperimentKey): never {
  const name = nameOf({ tenantId: tenant, id });
  throw new NotFound('EXPERIMENT_NOT_FOUND', `${name} does not exist`, { experiment: name });
}

function changedMeanwhile(row: ExperimentRow, etag: string): Aborted {
  const name = nameOf(row);
  return new Aborted('EXPERIMENT_CHANGED', `${name} changed since it was read: its etag is ${row.revision}, not ${etag}`, {
    experiment: name,
  });
}
