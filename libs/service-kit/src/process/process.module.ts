import { Global, Module, type DynamicModule } from '@nestjs/common';
import { Clock } from './clock.js';
import { HttpRoutes } from './http-server.js';
import { Logger } from './logger.js';
import { Metrics } from './metrics.js';
import { ProcessContext } from './process-context.js';

/** Gives every module of the process what they share. */
@Global()
@Module({})
export class ProcessModule {
  static forRoot(context: ProcessContext): DynamicModule {
    const providers = [
      { provide: ProcessContext, useValue: context },
      { provide: Logger, useValue: context.logger },
      { provide: Metrics, useValue: context.metrics },
      { provide: HttpRoutes, useValue: context.http },
      { provide: Clock, useValue: context.clock },
    ];
    return { module: ProcessModule, providers, exports: providers.map(({ provide }) => provide) };
  }
}
