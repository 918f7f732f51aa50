import { type DescMessage, type DescMethodUnary, fromJson, type MessageShape, toJson } from '@bufbuild/protobuf';
import { experiments, fieldRules, methodPolicy, models, monitoring, tenantReader, validate } from '@q2/contracts';
import { InvalidArgument, PermissionDenied } from '@q2/errors';
import type { JsonObject, JsonValue } from '@q2/expressions';
import type { CallOptions, ServiceClients } from '@q2/service-kit';
import type { Problem } from '../definition/problem.js';

/** What an action is done with. */
interface ActionCall {
  readonly tenant: string;
  readonly input: JsonObject;
  /** The same for every attempt of the step: a repeated one has no second effect. */
  readonly requestId: string;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** An action that calls another service. */
export interface ServiceAction {
  readonly name: string;
  /** What a workflow's creator must be permitted to do, as the action is done in the creator's stead. */
  readonly permission: string;
  /** Everything wrong with an input template, with paths from the input on. */
  inputProblems(template: JsonObject): readonly Problem[];
  /** @throws {DomainError} what the service refuses, or PermissionDenied where the input names another tenant */
  run(clients: ServiceClients, call: ActionCall): Promise<JsonValue>;
}

interface Options<I extends DescMessage, O extends DescMessage> {
  readonly name: string;
  readonly method: DescMethodUnary<I, O>;
  readonly defaults?: JsonObject;
  readonly send: (clients: ServiceClients, request: MessageShape<I>, options: CallOptions) => Promise<MessageShape<O>>;
}

/** An action whose input is the request of a method, as JSON, without its request_id. */
function serviceAction<I extends DescMessage, O extends DescMessage>({ name, method, defaults = {}, send }: Options<I, O>): ServiceAction {
  return {
    name,
    permission: methodPolicy(method).permission,
    inputProblems: (template) => requestProblems(method.input, defaults, template),
    run: async (clients, { tenant, input, requestId, signal, timeoutMs }) => {
      const request = requestOf(method.input, { ...defaults, ...input, requestId });
      refuseOtherTenants(method.input, request, tenant);
      return toJson(method.output, await send(clients, request, { signal, timeoutMs }));
    },
  };
}

function requestOf<I extends DescMessage>(schema: I, input: JsonObject): MessageShape<I> {
  try {
    return fromJson(schema, input);
  } catch (error) {
    throw InvalidArgument.field('input', error instanceof Error ? error.message : String(error));
  }
}

/** The orchestrator may act in every tenant, a definition only in its own. */
function refuseOtherTenants<I extends DescMessage>(schema: I, request: MessageShape<I>, tenant: string): void {
  const others = [tenantReader(schema)?.(request), ...validate(schema, request).tenants].filter((named) => named !== tenant);
  if (others.length === 0) return;
  throw new PermissionDenied(
    'ACTION_OUTSIDE_TENANT',
    `an execution of tenant ${tenant} cannot act on ${others.join(', ') || 'no tenant'}`,
    { tenant },
  );
}

/** Fields that the method does not have, or needs and is not given; and, where no expression is left, what its contract refuses. */
function requestProblems(schema: DescMessage, defaults: JsonObject, template: JsonObject): readonly Problem[] {
  const known = schema.fields.filter((field) => field.name !== 'request_id');
  const isGiven = (names: readonly string[]) => names.some((name) => name in template || name in defaults);
  const unknown = Object.keys(template).filter((key) => !known.some(({ name, jsonName }) => key === name || key === jsonName));
  const missing = known.filter((field) => fieldRules(field)?.required === true && !isGiven([field.name, field.jsonName]));
  const problems = [
    ...unknown.map((key) => ({
      path: `.${key}`,
      description: `there is no such field; there are ${known.map(({ jsonName }) => jsonName).join(', ')}`,
    })),
    ...missing.map(({ jsonName }) => ({ path: `.${jsonName}`, description: 'is required' })),
  ];
  return problems.length > 0 || JSON.stringify(template).includes('${') ? problems : constantProblems(schema, { ...defaults, ...template });
}

function constantProblems(schema: DescMessage, input: JsonObject): readonly Problem[] {
  try {
    const { violations } = validate(schema, fromJson(schema, input));
    return violations.map(({ field, description }) => ({ path: `.${field}`, description }));
  } catch (error) {
    return [{ path: '', description: error instanceof Error ? error.message : String(error) }];
  }
}

const { ModelService } = models;
const { ExperimentService } = experiments;
const { AlertService } = monitoring;

/** The actions that call other services, by their names. */
export const serviceActions: ReadonlyMap<string, ServiceAction> = new Map(
  [
    serviceAction({
      name: 'models.promote',
      method: ModelService.method.promoteVersion,
      defaults: { stage: 'STAGE_PRODUCTION' },
      send: (clients, request, options) => clients.get(ModelService).promoteVersion(request, options),
    }),
    serviceAction({
      name: 'models.rollback',
      method: ModelService.method.rollbackProduction,
      send: (clients, request, options) => clients.get(ModelService).rollbackProduction(request, options),
    }),
    serviceAction({
      name: 'experiments.complete',
      method: ExperimentService.method.completeExperiment,
      send: (clients, request, options) => clients.get(ExperimentService).completeExperiment(request, options),
    }),
    serviceAction({
      name: 'experiments.rollback',
      method: ExperimentService.method.rollBackExperiment,
      send: (clients, request, options) => clients.get(ExperimentService).rollBackExperiment(request, options),
    }),
    serviceAction({
      name: 'alerts.acknowledge',
      method: AlertService.method.acknowledgeAlert,
      send: (clients, request, options) => clients.get(AlertService).acknowledgeAlert(request, options),
    }),
    serviceAction({
      name: 'alerts.resolve',
      method: AlertService.method.resolveAlert,
      send: (clients, request, options) => clients.get(AlertService).resolveAlert(request, options),
    }),
  ].map((action) => [action.name, action]),
);
