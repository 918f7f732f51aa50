import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { workflows } from '@q2/contracts';
import { InvalidArgument } from '@q2/errors';
import { type Call, decodePage, encodePage, pageSizeOf, type ServiceImpl } from '@q2/service-kit';
import { z } from 'zod';
import type { WorkflowVersion } from './workflow-store.js';
import { type VersionKey, WorkflowsService } from './workflows.service.js';

const cursor = z.string().max(63);

/** Serves q2.workflows.v1.WorkflowService. */
@Injectable()
export class WorkflowsGrpc implements ServiceImpl<typeof workflows.WorkflowService> {
  constructor(@Inject(WorkflowsService) private readonly workflows: WorkflowsService) {}

  async createWorkflow(request: workflows.CreateWorkflowRequest, call: Call) {
    const { workflowId, description } = request;
    const definition = given(request.definition);
    return workflowProto(
      await this.workflows.create({ tenant: call.tenant, workflow: workflowId }, { description, definition }, call.principal),
    );
  }

  async getWorkflow({ name }: workflows.GetWorkflowRequest) {
    return workflowProto(await this.workflows.get(versionKey(name, 'name')));
  }

  async listWorkflows(request: workflows.ListWorkflowsRequest, call: Call) {
    const size = pageSizeOf(request);
    const found = await this.workflows.list(call.tenant, { after: decodePage(request.pageToken, cursor) ?? '', size: size + 1 });
    const page = found.slice(0, size);
    const last = found.length > size ? page.at(-1) : undefined;
    return { workflows: page.map(workflowProto), nextPageToken: last === undefined ? '' : encodePage(last.workflow) };
  }

  async validateWorkflow(request: workflows.ValidateWorkflowRequest) {
    const { problems, permissions } = this.workflows.check(given(request.definition));
    return { problems: [...problems], requiredPermissions: [...permissions] };
  }
}

/** The contract requires a definition. */
function given(definition: workflows.Definition | undefined): workflows.Definition {
  if (definition === undefined) throw InvalidArgument.field('definition', 'is required');
  return definition;
}

/**
 * Reads a workflow's name, with a version or without.
 *
 * @throws {InvalidArgument} naming `field` where it is neither
 */
export function versionKey(name: string, field: string): VersionKey {
  if (!workflows.workflowVersionName.matches(name)) return workflows.workflowName.parse(name, field);
  const { version, ...key } = workflows.workflowVersionName.parse(name, field);
  if (!/^[1-9]\d{0,8}$/.test(version)) throw InvalidArgument.field(field, `must end in a version number, got '${version}'`);
  return { ...key, version: Number(version) };
}

function workflowProto({ tenant, workflow, version, description, definition, creator, createdAt }: WorkflowVersion) {
  const name = workflows.workflowVersionName.format({ tenant, workflow, version: String(version) });
  return { name, version, description, definition, creator, createTime: timestampFromDate(createdAt) };
}
