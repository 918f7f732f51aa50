import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { models } from '@q2/contracts';
import { decodePage, encodePage, pageSizeOf, type Call, type ServiceImpl } from '@q2/service-kit';
import { z } from 'zod';
import { AliasesService } from '../promotion/aliases.service.js';
import { assignmentProto } from '../promotion/assignments-proto.js';
import { PromotionsService } from '../promotion/promotions.service.js';
import { pageOf } from '../requests/page.js';
import { maskedFields } from '../requests/update-mask.js';
import { changeableVersionFields, stageOf, versionFields, versionProto } from '../versions/versions-proto.js';
import { VersionsService } from '../versions/versions.service.js';
import { changeableModelFields, mergeModel, modelFields, modelProto } from './models-proto.js';
import { ModelsService } from './models.service.js';

const cursor = z.string().max(512);
const sequenceCursor = z.number().int();

/** Serves q2.models.v1.ModelService. */
@Injectable()
export class ModelsGrpc implements ServiceImpl<typeof models.ModelService> {
  constructor(
    @Inject(ModelsService) private readonly models: ModelsService,
    @Inject(VersionsService) private readonly versions: VersionsService,
    @Inject(PromotionsService) private readonly promotions: PromotionsService,
    @Inject(AliasesService) private readonly aliases: AliasesService,
  ) {}

  async createModel(request: models.CreateModelRequest, call: Call) {
    return modelProto(await this.models.create({ tenant: call.tenant, model: request.modelId }, modelFields(request.model)));
  }

  async getModel(request: models.GetModelRequest) {
    return modelProto(await this.models.get(models.modelName.parse(request.name)));
  }

  async listModels(request: models.ListModelsRequest, call: Call) {
    const size = pageSizeOf(request);
    const found = await this.models.list(call.tenant, { after: decodePage(request.pageToken, cursor) ?? '', size: size + 1 });
    const { items, nextPageToken } = pageOf(found, size, ({ model }) => encodePage(model));
    return { models: items.map(modelProto), nextPageToken };
  }

  async updateModel(request: models.UpdateModelRequest) {
    const masked = maskedFields(request.updateMask, changeableModelFields);
    const given = modelFields(request.model);
    const etag = request.model?.etag ?? '';
    return modelProto(
      await this.models.update(models.modelName.parse(request.name), { etag, change: (model) => mergeModel(model, given, masked) }),
    );
  }

  async deleteModel(request: models.DeleteModelRequest) {
    await this.models.delete(models.modelName.parse(request.name), request.etag);
    return {};
  }

  async createVersion(request: models.CreateVersionRequest, call: Call) {
    const key = { ...models.modelName.parse(request.parent, 'parent'), version: request.versionId };
    return versionProto(await this.versions.create(key, versionFields(request.version), call.principal.id));
  }

  async getVersion({ name }: models.GetVersionRequest) {
    if (models.aliasName.matches(name)) return versionProto(await this.versions.getByAlias(models.aliasName.parse(name)));
    return versionProto(await this.versions.get(models.versionName.parse(name)));
  }

  async listVersions(request: models.ListVersionsRequest) {
    const size = pageSizeOf(request);
    const query = { below: decodePage(request.pageToken, cursor), stage: stageOf(request.stage), size: size + 1 };
    const found = await this.versions.list(models.modelName.parse(request.parent, 'parent'), query);
    const { items, nextPageToken } = pageOf(found, size, ({ precedence }) => encodePage(precedence));
    return { versions: items.map(versionProto), nextPageToken };
  }

  async updateVersion(request: models.UpdateVersionRequest) {
    const masked = maskedFields(request.updateMask, changeableVersionFields);
    const { metadata, labels } = versionFields(request.version);
    const fields = { ...(masked.has('metadata') && { metadata }), ...(masked.has('labels') && { labels }) };
    return versionProto(await this.versions.update(models.versionName.parse(request.name), { etag: request.version?.etag ?? '', fields }));
  }

  async promoteVersion(request: models.PromoteVersionRequest, call: Call) {
    const promoted = await this.promotions.promote(models.versionName.parse(request.name), {
      // The contract requires a stage; DRAFT is refused by the rule itself.
      stage: stageOf(request.stage) ?? 'DRAFT',
      isFormerKept: request.keepFormer,
      principal: call.principal.id,
      reason: request.reason,
    });
    return versionProto(promoted);
  }

  async rollbackProduction(request: models.RollbackProductionRequest, call: Call) {
    const restored = await this.promotions.rollBack(models.modelName.parse(request.name), {
      target: request.targetVersion || undefined,
      expected: request.expectedVersion || undefined,
      principal: call.principal.id,
      reason: request.reason,
    });
    return versionProto(restored);
  }

  async setAlias(request: models.SetAliasRequest, call: Call) {
    const mover = { principal: call.principal.id, reason: request.reason };
    const move = await this.aliases.set(models.aliasName.parse(request.name), request.version, mover);
    return { name: request.name, version: move.toVersion, updateTime: timestampFromDate(move.createdAt) };
  }

  async listAssignments(request: models.ListAssignmentsRequest) {
    const size = pageSizeOf(request);
    const found = await this.aliases.list(models.modelName.parse(request.parent, 'parent'), {
      below: decodePage(request.pageToken, sequenceCursor),
      alias: request.alias || undefined,
      until: request.untilTime && timestampDate(request.untilTime),
      size: size + 1,
    });
    const { items, nextPageToken } = pageOf(found, size, ({ sequence }) => encodePage(sequence));
    return { assignments: items.map((move) => assignmentProto(request.parent, move)), nextPageToken };
  }
}
