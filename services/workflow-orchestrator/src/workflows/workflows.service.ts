import { Inject, Injectable } from '@nestjs/common';
import type { workflows } from '@q2/contracts';
import { Database } from '@q2/database';
import { InvalidArgument, NotFound, PermissionDenied } from '@q2/errors';
import type { Principal } from '@q2/service-kit';
import { actionRules, requiredPermissions } from '../actions/catalogue.js';
import { hasJobs } from '../definition/definition.js';
import { definitionOf } from '../definition/definition.proto.js';
import { type Plan, planOf } from '../definition/plan.js';
import type { Problem } from '../definition/problem.js';
import { validateDefinition } from '../definition/validate.js';
import { JobCluster } from '../jobs/job-cluster.service.js';
import { findVersion, insertVersion, listNewest, type WorkflowVersion } from './workflow-store.js';

/** A version of a workflow by its name; the newest one without a number. */
export interface VersionKey {
  readonly tenant: string;
  readonly workflow: string;
  readonly version?: number | undefined;
}

/** What a caller gives of a new version. */
export interface NewVersion {
  readonly description: string;
  readonly definition: workflows.Definition;
}

const plansKept = 500;

/** Keeps definitions in versions that never change. */
@Injectable()
export class WorkflowsService {
  /** Versions never change, so their plans are kept. */
  private readonly plans = new Map<string, Plan>();

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(JobCluster) private readonly jobCluster: JobCluster,
  ) {}

  /**
   * Checks a definition and stores it as the workflow's next version.
   *
   * @throws {InvalidArgument} with every problem by its path
   * @throws {FailedPrecondition} JOBS_NOT_CONFIGURED where it has job steps and no cluster is configured
   * @throws {PermissionDenied} WORKFLOW_PERMISSIONS_MISSING where the creator may not do what its actions do
   */
  create({ tenant, workflow }: VersionKey, { description, definition }: NewVersion, creator: Principal): Promise<WorkflowVersion> {
    const { problems, permissions, needsCluster } = this.check(definition);
    if (problems.length > 0) {
      throw new InvalidArgument(problems.map(({ path, description: text }) => ({ field: `definition.${path}`, description: text })));
    }
    if (needsCluster) this.jobCluster.demand();
    const missing = permissions.filter((permission) => !creator.permissions.has(permission));
    if (missing.length > 0) {
      const message = `the actions of this workflow need permissions that ${creator.id} does not have: ${missing.join(', ')}`;
      throw new PermissionDenied('WORKFLOW_PERMISSIONS_MISSING', message, { permissions: missing.join(',') });
    }
    return this.database.inTenant(tenant, (tx) => insertVersion(tx, { workflow, description, definition, creator: creator.id }));
  }

  /** Everything wrong with a definition, the permissions that its actions need, and whether it has job steps. */
  check(message: workflows.Definition): { problems: readonly Problem[]; permissions: readonly string[]; needsCluster: boolean } {
    const definition = definitionOf(message);
    const needsCluster = hasJobs([...definition.steps, ...definition.onFailure]);
    return { problems: validateDefinition(definition, actionRules), permissions: requiredPermissions(definition), needsCluster };
  }

  /** @throws {NotFound} WORKFLOW_NOT_FOUND */
  async get({ tenant, workflow, version }: VersionKey): Promise<WorkflowVersion> {
    const found = await this.database.inTenant(tenant, (tx) => findVersion(tx, workflow, version));
    if (found !== undefined) return found;
    const name = `tenants/${tenant}/workflows/${workflow}${version === undefined ? '' : `/versions/${version}`}`;
    throw new NotFound('WORKFLOW_NOT_FOUND', `${name} does not exist`, { workflow: name });
  }

  /** Newest versions by name. */
  list(tenant: string, { after, size }: { after: string; size: number }): Promise<WorkflowVersion[]> {
    return this.database.inTenant(tenant, (tx) => listNewest(tx, after, size), { readOnly: true });
  }

  /** @throws {FailedPrecondition} JOBS_NOT_CONFIGURED where a version has job steps and no cluster is configured any more */
  async demandRunnable(key: VersionKey & { readonly version: number }): Promise<void> {
    const { definition } = await this.plan(key);
    if (hasJobs([...definition.steps, ...definition.onFailure])) this.jobCluster.demand();
  }

  /** The plan of a version. */
  async plan(key: VersionKey & { readonly version: number }): Promise<Plan> {
    const name = `${key.tenant}/${key.workflow}/${key.version}`;
    const known = this.plans.get(name);
    if (known !== undefined) return known;
    const plan = planOf(definitionOf((await this.get(key)).definition));
    if (this.plans.size >= plansKept) this.plans.clear();
    this.plans.set(name, plan);
    return plan;
  }
}
