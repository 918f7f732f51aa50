import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { models } from '@q2/contracts';
import { etagOf } from '../requests/etag.js';
import type { Model, ModelFields } from './model.js';

type ModelInit = MessageInitShape<typeof models.ModelSchema>;

/** A model as the contract shows it. */
export function modelProto(model: Model): ModelInit {
  return {
    name: models.modelName.format(model),
    description: model.description,
    labels: model.labels,
    task: model.task,
    owner: model.owner,
    runtime: models.Runtime.ONNX,
    limits: { memoryBytes: BigInt(model.memoryLimitBytes) },
    productionVersion: model.productionVersion ?? '',
    createTime: timestampFromDate(model.createdAt),
    updateTime: timestampFromDate(model.updatedAt),
    etag: etagOf(model.revision),
  };
}

/** What a caller decides about a model; defaults for what is absent. */
export function modelFields(model: models.Model = create(models.ModelSchema)): ModelFields {
  const { description, labels, task, owner, limits } = model;
  return { description, labels, task, owner, memoryLimitBytes: Number(limits?.memoryBytes ?? 0n) };
}

/** The fields of a model that an update may name, as the contract spells them. */
export const changeableModelFields = ['description', 'labels', 'task', 'owner', 'limits'] as const;
export type ChangeableModelField = (typeof changeableModelFields)[number];

/** The present values, with those of the masked fields replaced. */
export function mergeModel(present: ModelFields, given: ModelFields, masked: ReadonlySet<ChangeableModelField>): ModelFields {
  const from = (field: ChangeableModelField) => (masked.has(field) ? given : present);
  return {
    description: from('description').description,
    labels: from('labels').labels,
    task: from('task').task,
    owner: from('owner').owner,
    memoryLimitBytes: from('limits').memoryLimitBytes,
  };
}
