import { resourceName } from './resource-name.js';

/** Names of monitors. */
export const monitorName = resourceName('tenants/{tenant}/monitors/{monitor}');

/** Names of alerts. */
export const alertName = resourceName('tenants/{tenant}/alerts/{alert}');
