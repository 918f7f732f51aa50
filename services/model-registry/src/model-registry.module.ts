import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { models } from '@q2/contracts';
import { GrpcEndpoint, ProcessContext, ServiceModule } from '@q2/service-kit';
import { ArtifactContents } from './artifacts/artifact-contents.js';
import { ArtifactSweep } from './artifacts/artifact-sweep.job.js';
import { ArtifactsGrpc } from './artifacts/artifacts.grpc.js';
import { ArtifactsService } from './artifacts/artifacts.service.js';
import { ModelChanges } from './changes/model-changes.service.js';
import { ModelsGrpc } from './models/models.grpc.js';
import { ModelsService } from './models/models.service.js';
import { AliasesService } from './promotion/aliases.service.js';
import { PromotionsService } from './promotion/promotions.service.js';
import { Quotas } from './quota/quota.port.js';
import { RegistryQuotas } from './quota/registry-quotas.adapter.js';
import { registrySchema } from './registry.schema.js';
import { readRegistrySettings, RegistrySettings } from './registry.settings.js';
import { OnnxRuntime } from './serving/onnx-runtime.js';
import { ModelRuntime } from './serving/runtime.port.js';
import { ServablesService } from './serving/servables.service.js';
import { ServedModels } from './serving/served-models.service.js';
import { ServingEvents } from './serving/serving-events.service.js';
import { ServingGrpc } from './serving/serving.grpc.js';
import { ServingMetrics } from './serving/serving-metrics.service.js';
import { ServingService } from './serving/serving.service.js';
import { UsageMeter } from './usage/usage-meter.service.js';
import { VersionsService } from './versions/versions.service.js';

/** Models, their versions and artifacts, which version serves where, and the models in memory. */
@Module({
  imports: [ServiceModule.register({ name: 'model-registry', schema: registrySchema })],
  providers: [
    { provide: RegistrySettings, inject: [ProcessContext], useFactory: readRegistrySettings },
    { provide: Quotas, useClass: RegistryQuotas },
    {
      provide: ArtifactContents,
      inject: [RegistrySettings],
      useFactory: ({ artifactsDirectory }: RegistrySettings) => new ArtifactContents(artifactsDirectory),
    },
    { provide: ModelRuntime, useClass: OnnxRuntime },
    ModelChanges,
    ...[ModelsService, VersionsService, PromotionsService, AliasesService, ArtifactsService, ArtifactSweep],
    ...[ServablesService, ServedModels, ServingEvents, ServingMetrics, ServingService, UsageMeter],
    ...[ModelsGrpc, ArtifactsGrpc, ServingGrpc],
  ],
})
export class ModelRegistryModule implements OnModuleInit {
  constructor(
    @Inject(GrpcEndpoint) private readonly grpc: GrpcEndpoint,
    @Inject(ModelsGrpc) private readonly models: ModelsGrpc,
    @Inject(ArtifactsGrpc) private readonly artifacts: ArtifactsGrpc,
    @Inject(ServingGrpc) private readonly serving: ServingGrpc,
  ) {}

  onModuleInit(): void {
    this.grpc.serve(models.ModelService, this.models);
    this.grpc.serve(models.ArtifactService, this.artifacts);
    this.grpc.serve(models.ServingService, this.serving);
  }
}
