import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Prometheus metrics of this process: rate, errors and duration of each method, and whatever services add. */
export class Metrics {
  readonly registry = new Registry();
  private readonly handled = new Histogram({
    name: 'grpc_server_handling_seconds',
    help: 'Time from the arrival of a call to its answer',
    labelNames: ['service', 'method', 'code'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [this.registry],
  });

  /** Adds the metrics of the Node process itself: memory, event-loop delay, garbage collection. */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.registry });
  }

  observeCall(labels: { service: string; method: string; code: string }, seconds: number): void {
    this.handled.observe(labels, seconds);
  }

  /** A figure read when metrics are scraped. */
  gauge(name: string, help: string, read: () => number | Promise<number>): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      async collect() {
        this.set(await read());
      },
    });
  }

  counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    return new Counter({ name, help, labelNames: [...labelNames], registers: [this.registry] });
  }
}
