import { resourceName } from './resource-name.js';

/** A tenant's model, such as `tenants/acme/models/churn`. */
export const modelName = resourceName('tenants/{tenant}/models/{model}');

/** One version of a model, such as `tenants/acme/models/churn/versions/2.1.0`. */
export const versionName = resourceName('tenants/{tenant}/models/{model}/versions/{version}');

/** One file of a version. */
export const artifactName = resourceName('tenants/{tenant}/models/{model}/versions/{version}/artifacts/{artifact}');

/** A name that points at one version, such as `tenants/acme/models/churn/aliases/production`. */
export const aliasName = resourceName('tenants/{tenant}/models/{model}/aliases/{alias}');
