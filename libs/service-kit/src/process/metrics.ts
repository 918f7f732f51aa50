import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** A figure, and what it is about. */
export interface Sample {
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Gives the samples of a gauge when it is scraped. */
type ReadSamples = () => readonly Sample[] | Promise<readonly Sample[]>;

/** One call, as it is measured. */
export interface ObservedCall {
  /** Service of the platform, such as `model-registry`. */
  readonly service: string;
  /** Full name of the contract, such as `q2.models.v1.ModelService`. */
  readonly grpcService: string;
  readonly grpcMethod: string;
  readonly grpcCode: string;
}

/** How long a scrape waits for one reading; a database that is away must not hide what is known without it. */
const readTimeoutMs = 2_000;

/** Prometheus metrics of this process: rate, errors and duration of each method, and whatever services add. */
export class Metrics {
  readonly registry = new Registry();
  private readonly handled = new Histogram({
    name: 'grpc_server_handling_seconds',
    help: 'Time from the arrival of a call to its answer',
    labelNames: ['service', 'grpc_service', 'grpc_method', 'grpc_code'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [this.registry],
  });
  private readonly failedReadings = this.counter('q2_metrics_readings_failed_total', 'Figures missing from scrapes', ['metric']);
  private readonly sources = new Map<string, ReadSamples[]>();

  /** Adds the metrics of the Node process itself: memory, event-loop delay, garbage collection. */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.registry });
  }

  observeCall({ service, grpcService, grpcMethod, grpcCode }: ObservedCall, seconds: number): void {
    this.handled.observe({ service, grpc_service: grpcService, grpc_method: grpcMethod, grpc_code: grpcCode }, seconds);
  }

  /** A figure read when metrics are scraped. */
  gauge(name: string, help: string, read: () => number | Promise<number>): void {
    this.gauges({ name, help }, async () => [{ value: await read() }]);
  }

  /**
   * Figures of one name, told apart by their labels, read when metrics are scraped. The services of one process may add to
   * the same name, each with labels of its own. A reading that fails, or takes too long, is missing from the scrape and counted.
   */
  gauges(metric: { readonly name: string; readonly help: string; readonly labelNames?: readonly string[] }, read: ReadSamples): void {
    const known = this.sources.get(metric.name);
    if (known !== undefined) {
      known.push(read);
      return;
    }
    const sources = [read];
    this.sources.set(metric.name, sources);
    const collect = (gauge: Gauge) => this.collect(gauge, metric.name, sources);
    new Gauge({
      ...metric,
      labelNames: [...(metric.labelNames ?? [])],
      registers: [this.registry],
      async collect() {
        await collect(this);
      },
    });
  }

  counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    return new Counter({ name, help, labelNames: [...labelNames], registers: [this.registry] });
  }

  private async collect(gauge: Gauge, name: string, sources: readonly ReadSamples[]): Promise<void> {
    const readings = await Promise.allSettled(sources.map((read) => withinTime(read)));
    gauge.reset();
    gauge.remove({});
    for (const reading of readings) {
      if (reading.status === 'rejected') this.failedReadings.inc({ metric: name });
      else for (const { labels = {}, value } of reading.value) gauge.set(labels, value);
    }
  }
}

async function withinTime(read: ReadSamples): Promise<readonly Sample[]> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${readTimeoutMs} ms`)), readTimeoutMs);
  });
  try {
    return await Promise.race([read(), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
