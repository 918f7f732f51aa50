import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Metrics } from '@q2/service-kit';
import { ServedModels } from './served-models.service.js';
import { ServingService } from './serving.service.js';

/** What Prometheus reads about models in memory. */
@Injectable()
export class ServingMetrics implements OnModuleInit {
  constructor(
    @Inject(Metrics) private readonly metrics: Metrics,
    @Inject(ServedModels) private readonly served: ServedModels,
    @Inject(ServingService) private readonly serving: ServingService,
  ) {}

  onModuleInit(): void {
    this.metrics.gauge('q2_models_loaded', 'Model versions in memory', () => this.served.loadedCount);
    this.metrics.gauge('q2_model_leases', 'Leases that callers hold on loaded models', () => this.serving.leaseCount);
    this.metrics.gauge('q2_model_memory_bytes', 'Memory that loaded models take or have reserved', () => this.served.usedBytes);
    this.metrics.gauge('q2_model_memory_limit_bytes', 'Memory that loaded models may take together', () => this.served.limitBytes);
  }
}
