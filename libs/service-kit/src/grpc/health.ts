import type { Server, ServerWritableStream } from '@grpc/grpc-js';
import type { HealthImplementation } from 'grpc-health-check';

/**
 * Serves grpc.health.v1. A watch is told that the process stops and then ends: left open, it would hold up every stop for
 * as long as calls in flight may take.
 */
export function addHealth(server: Server, health: HealthImplementation, stopping: AbortSignal): void {
  health.addToServer({
    addService: (definition, methods) => {
      const watch = (call: ServerWritableStream<unknown, unknown>) => {
        Reflect.apply(Reflect.get(methods, 'watch'), methods, [call]);
        const end = () => call.end();
        stopping.addEventListener('abort', end, { once: true });
        call.once('cancelled', () => stopping.removeEventListener('abort', end));
      };
      server.addService(definition, { ...methods, watch });
    },
  });
}
