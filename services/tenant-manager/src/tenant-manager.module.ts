import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { tenants } from '@q2/contracts';
import { configuration, GrpcEndpoint, HttpRoutes, ProcessContext, ServiceModule } from '@q2/service-kit';
import { AccessGrpc } from './access/access.grpc.js';
import { ApiKeysService } from './access/api-keys.service.js';
import { OperatorKeyService } from './access/operator-key.service.js';
import { RolesService } from './access/roles.service.js';
import { ServiceCredentials } from './access/service-credentials.service.js';
import { SigningKeysService } from './access/signing-keys.service.js';
import { TokenExchange } from './access/token-exchange.service.js';
import { TokensService } from './access/tokens.service.js';
import { AuditConsumer } from './audit/audit.consumer.js';
import { AuditGrpc } from './audit/audit.grpc.js';
import { AuditLogService } from './audit/audit-log.service.js';
import { PlansGrpc } from './plans/plans.grpc.js';
import { PlansService } from './plans/plans.service.js';
import { LimitAnnouncer } from './quotas/limit-announcer.service.js';
import { QuotasGrpc } from './quotas/quotas.grpc.js';
import { QuotasService } from './quotas/quotas.service.js';
import { tenantsSchema } from './schema.js';
import { TenantManagerSettings, tenantManagerSettings } from './settings.js';
import { TenantGauges } from './tenants/tenant-gauges.service.js';
import { TenantsGrpc } from './tenants/tenants.grpc.js';
import { TenantsService } from './tenants/tenants.service.js';
import { UsageConsumer } from './usage/usage.consumer.js';
import { UsageGrpc } from './usage/usage.grpc.js';

const access = [ApiKeysService, RolesService, ServiceCredentials, SigningKeysService, TokensService, TokenExchange, OperatorKeyService];
const services = [TenantsService, PlansService, QuotasService, LimitAnnouncer, AuditLogService, AuditConsumer, UsageConsumer];
const gauges = [TenantGauges];
const transports = [TenantsGrpc, PlansGrpc, QuotasGrpc, AccessGrpc, AuditGrpc, UsageGrpc];

const readSettings = ({ environment }: ProcessContext) => configuration(tenantManagerSettings, environment);

/** tenant-manager: tenants, plans, quotas, access, the audit log and metered use. */
@Module({
  imports: [ServiceModule.register({ name: 'tenant-manager', schema: tenantsSchema })],
  providers: [
    { provide: TenantManagerSettings, inject: [ProcessContext], useFactory: readSettings },
    ...access,
    ...services,
    ...gauges,
    ...transports,
  ],
})
export class TenantManagerModule implements OnModuleInit {
  constructor(
    @Inject(ModuleRef) private readonly parts: ModuleRef,
    @Inject(GrpcEndpoint) private readonly grpc: GrpcEndpoint,
    @Inject(HttpRoutes) private readonly http: HttpRoutes,
    @Inject(SigningKeysService) private readonly signingKeys: SigningKeysService,
  ) {}

  onModuleInit(): void {
    this.grpc.serve(tenants.TenantService, this.parts.get(TenantsGrpc));
    this.grpc.serve(tenants.PlanService, this.parts.get(PlansGrpc));
    this.grpc.serve(tenants.QuotaService, this.parts.get(QuotasGrpc));
    this.grpc.serve(tenants.AccessService, this.parts.get(AccessGrpc));
    this.grpc.serve(tenants.AuditService, this.parts.get(AuditGrpc));
    this.grpc.serve(tenants.UsageService, this.parts.get(UsageGrpc));
    this.http.add('/.well-known/jwks.json', async () => ({
      status: 200,
      contentType: 'application/jwk-set+json',
      body: JSON.stringify(await this.signingKeys.jwks()),
    }));
  }
}
