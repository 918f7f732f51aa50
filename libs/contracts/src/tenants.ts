export * from './gen/q2/tenants/v1/access_service_pb.js';
export * from './gen/q2/tenants/v1/audit_service_pb.js';
export * from './gen/q2/tenants/v1/plan_service_pb.js';
export * from './gen/q2/tenants/v1/quota_service_pb.js';
export * from './gen/q2/tenants/v1/tenant_service_pb.js';
export * from './gen/q2/tenants/v1/usage_service_pb.js';
export * from './tenants-names.js';
