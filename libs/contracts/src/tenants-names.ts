import { resourceName } from './resource-name.js';

/** `tenants/acme` */
export const tenantName = resourceName('tenants/{tenant}');

/** `plans/starter` */
export const planName = resourceName('plans/{plan}');

/** `tenants/acme/apiKeys/k3f9…` */
export const apiKeyName = resourceName('tenants/{tenant}/apiKeys/{api_key}');

/** `tenants/acme/roles/promoter` */
export const roleName = resourceName('tenants/{tenant}/roles/{role}');

/** `tenants/acme/auditEntries/17` */
export const auditEntryName = resourceName('tenants/{tenant}/auditEntries/{sequence}');
