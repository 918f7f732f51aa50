import type { DescService } from '@bufbuild/protobuf';
import * as experiments from './experiments.js';
import * as models from './models.js';
import * as monitoring from './monitoring.js';
import * as schedules from './schedules.js';
import * as tenants from './tenants.js';
import * as workflows from './workflows.js';

/** Every gRPC service of the platform, found in the generated code so that none can be forgotten. */
export const allServices: readonly DescService[] = [tenants, models, experiments, monitoring, workflows, schedules]
  .flatMap((area) => Object.values<unknown>({ ...area }))
  .filter(isService);

function isService(value: unknown): value is DescService {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'service';
}
