import { durationMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Inject, Injectable } from '@nestjs/common';
import { models } from '@q2/contracts';
import { InvalidArgument } from '@q2/errors';
import { decodePage, encodePage, pageSizeOf, type Call, type ServiceImpl } from '@q2/service-kit';
import { z } from 'zod';
import { pageOf } from '../requests/page.js';
import type { Resident } from './model-cache.js';
import type { Selector } from './servable.js';
import type { ServedModel } from './served-model.js';
import { ServedModels } from './served-models.service.js';
import { healthReasons } from './serving-health.js';
import { ServingService } from './serving.service.js';
import type { TensorSpec } from './tensor.js';
import { readInputs, writeOutputs } from './tensor-proto.js';

const cursor = z.string().max(512);
const defaultLeaseMs = 300_000;
const longestLeaseMs = 3_600_000;

/** Serves q2.models.v1.ServingService. */
@Injectable()
export class ServingGrpc implements ServiceImpl<typeof models.ServingService> {
  constructor(
    @Inject(ServingService) private readonly serving: ServingService,
    @Inject(ServedModels) private readonly served: ServedModels,
  ) {}

  async acquireModel(request: models.AcquireModelRequest) {
    const startedMs = performance.now();
    const lease = await this.serving.acquire(
      models.modelName.parse(request.name),
      selectorOf(request.selector),
      leaseMs(request.leaseDuration),
    );
    return {
      handle: lease.handle,
      version: lease.version,
      expireTime: timestampFromDate(lease.expiresAt),
      cold: lease.isCold,
      latencyMs: performance.now() - startedMs,
    };
  }

  releaseModel(request: models.ReleaseModelRequest) {
    this.serving.release(models.modelName.parse(request.name), request.handle);
    return Promise.resolve({});
  }

  async predict(request: models.PredictRequest) {
    const by = request.handle === '' ? selectorOf(request.selector) : { handle: request.handle };
    const { inputs } = request;
    const prediction = await this.serving.predict(models.modelName.parse(request.name), by, (specs) => readInputs(inputs, specs));
    return {
      outputs: writeOutputs(prediction.outputs, inputs.case),
      version: prediction.version,
      latencyMs: prediction.latencyMs,
      cold: prediction.isCold,
    };
  }

  async preloadModel(request: models.PreloadModelRequest) {
    return loadedModelProto(await this.serving.preload(models.versionName.parse(request.name)));
  }

  async pinModel(request: models.PinModelRequest) {
    await this.serving.pin(models.versionName.parse(request.name), request.pinned);
    return { version: request.name, pinned: request.pinned };
  }

  async unloadModel(request: models.UnloadModelRequest) {
    await this.serving.unload(models.versionName.parse(request.name));
    return {};
  }

  listLoadedModels(request: models.ListLoadedModelsRequest, call: Call) {
    const size = pageSizeOf(request);
    const after = decodePage(request.pageToken, cursor) ?? '';
    const found = this.served.residentsOf(call.tenant).filter(({ key }) => key > after);
    const { items, nextPageToken } = pageOf(found, size, ({ key }) => encodePage(key));
    return Promise.resolve({ loadedModels: items.map(loadedModelProto), nextPageToken });
  }

  getServingHealth(request: models.GetServingHealthRequest, call: Call) {
    const residents = this.served.residentsOf(call.tenant);
    const records = residents.map(({ model }) => ({ name: model.servable.name, predictions: model.predictions, failures: model.failures }));
    const reasons = healthReasons(records, this.served.failures.of(call.tenant));
    return Promise.resolve({
      name: request.name,
      healthy: reasons.length === 0,
      reasons,
      loadedModels: residents.length,
      memoryBytes: BigInt(residents.reduce((total, { bytes }) => total + bytes, 0)),
      memoryLimitBytes: BigInt(this.served.limitBytes),
    });
  }
}

/** @throws {InvalidArgument} where a way is chosen and left empty */
function selectorOf(selector: models.VersionSelector | undefined): Selector {
  const chosen = selector?.selector;
  if (chosen?.case === undefined) return { by: 'production' };
  if (chosen.value === '') throw InvalidArgument.field(`selector.${chosen.case}`, 'must not be empty');
  switch (chosen.case) {
    case 'version':
      return { by: 'version', version: chosen.value };
    case 'alias':
      return { by: 'alias', alias: chosen.value };
    case 'range':
      return { by: 'range', range: chosen.value };
  }
}

/** @throws {InvalidArgument} where the lease would last no time, or too long */
function leaseMs(duration: models.AcquireModelRequest['leaseDuration']): number {
  if (duration === undefined) return defaultLeaseMs;
  const lengthMs = durationMs(duration);
  if (lengthMs > 0 && lengthMs <= longestLeaseMs) return lengthMs;
  throw InvalidArgument.field('lease_duration', `must be more than zero and at most an hour, got ${lengthMs / 1000} s`);
}

function loadedModelProto({ model, bytes, isPinned, holders, loadMs, loadedAt, lastUsedAt }: Resident<ServedModel>) {
  return {
    version: model.servable.name,
    memoryBytes: BigInt(bytes),
    pinned: isPinned,
    inUse: holders,
    loadMs,
    loadTime: timestampFromDate(loadedAt),
    lastUseTime: timestampFromDate(lastUsedAt),
    predictions: BigInt(model.predictions),
    failures: BigInt(model.failures),
    inputs: model.runtime.inputs.map(specProto),
    outputs: model.runtime.outputs.map(specProto),
  };
}

function specProto({ name, type, shape }: TensorSpec) {
  return { name, type, shape: shape.map((size) => BigInt(size ?? -1)) };
}
