// The subject of the gRPC benchmark: the same answer behind the platform's whole pipeline.
import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { tenants } from '@q2/contracts';
import { GrpcEndpoint, ServiceModule, type ServiceImpl } from '@q2/service-kit';
import { startTestPlatform } from '@q2/testing';
import { answer } from './quota-answer.js';

const refuse = () => Promise.reject(new Error('not part of the benchmark'));
const quotas: ServiceImpl<typeof tenants.QuotaService> = {
  checkLimit: () => Promise.resolve(answer),
  acquire: refuse,
  release: refuse,
  listUsage: refuse,
};

@Module({ imports: [ServiceModule.register({ name: 'bench', schema: { name: 'bench', entities: [], migrations: [] } })] })
class BenchModule implements OnModuleInit {
  constructor(@Inject(GrpcEndpoint) private readonly grpc: GrpcEndpoint) {}
  onModuleInit(): void {
    this.grpc.serve(tenants.QuotaService, quotas);
  }
}

const platform = await startTestPlatform({ modules: [BenchModule], environment: { LOG_LEVEL: 'info', LOG_FILE: '/dev/null' } });
const token = await platform.token({ tenant: 'bench', roles: ['viewer'] });
process.send?.({ port: platform.process.grpcPort, token });
process.once('disconnect', () => void platform.stop().then(() => process.exit(0)));
