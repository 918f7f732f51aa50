import { resourceName } from './resource-name.js';

/** Resource names of the area. */
export const experimentName = resourceName('tenants/{tenant}/experiments/{experiment}');
export const decisionName = resourceName('tenants/{tenant}/experiments/{experiment}/decisions/{decision}');
/** What a variant may point at: a model version of the same tenant. */
export const targetName = resourceName('tenants/{tenant}/models/{model}/versions/{version}');
