/** What both servers of the gRPC benchmark answer. */
export const answer = { allowed: true, used: 3n, limit: 10n, bindingTenant: 'tenants/bench' };
