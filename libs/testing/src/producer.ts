import { randomUUID } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { Inject, Injectable, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { tenantEvents } from '@q2/contracts';
import { deadLetterTopicOf, toBusMessage, topicOf, type BusRecord } from '@q2/events';
import { ProcessContext } from '@q2/service-kit';

/** A record as a producer outside writes it. */
export interface ProducedRecord {
  readonly topic: string;
  /** Message that the body is. */
  readonly type: string;
  readonly tenant: string;
  /** Access token or API key. */
  readonly credential: string;
  /** Written as JSON, unless it is text already. */
  readonly body: unknown;
  /** @default a new one */
  readonly id?: string;
  /** @default '/test' */
  readonly source?: string;
  /** @default '' */
  readonly key?: string;
  /** In place of, or besides, those that follow from the rest; undefined leaves one out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

const topics = ['q2.ingress.metrics.v1', 'q2.ingress.outcomes.v1', 'q2.ingress.events.v1'];
const patienceMs = 60_000;

/** A producer outside: publishes records to the bus, and reads what became of them as one can. */
@Injectable()
export class Producer implements OnApplicationBootstrap {
  /** Everything in the topics' `.dlq`, in the order in which it was read. */
  readonly deadLetters: BusRecord[] = [];

  constructor(@Inject(ProcessContext) private readonly context: ProcessContext) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.context.bus.subscribe({
      group: `producer.${randomUUID()}`,
      topics: topics.map(deadLetterTopicOf),
      handle: (records) => {
        this.deadLetters.push(...records);
        return Promise.resolve();
      },
    });
  }

  /** Publishes a record and gives its event's id. */
  async send(record: ProducedRecord): Promise<string> {
    const { topic, type, tenant, credential, body, id = randomUUID(), source = '/test', key = '' } = record;
    const headers = {
      ...{ ce_specversion: '1.0', ce_id: id, ce_source: source, ce_type: type },
      ...{ q2_tenant: tenant, authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
      ...record.headers,
    };
    const present = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
    const value = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    await this.context.bus.publish([{ topic, key, headers: Object.fromEntries(present), value }]);
    return id;
  }

  /** The first dead letter of a source, once it is there. */
  deadLetterFrom(source: string): Promise<BusRecord> {
    return this.untilDefined(() => this.deadLetters.find(({ headers }) => headers['ce_source'] === source), `a dead letter from ${source}`);
  }

  /** How many records of a topic ended like this since the process began, as metrics tell. */
  async counted(topic: string, outcome: string, reason = ''): Promise<number> {
    const line = `q2_ingress_records_total{topic="${topic}",outcome="${outcome}",reason="${reason}"} `;
    const lines = (await this.context.metrics.registry.metrics()).split('\n');
    return Number(lines.find((one) => one.startsWith(line))?.slice(line.length) ?? 0);
  }

  /** Does something, and waits until `count` more records of a topic have been accepted, or have turned out to be duplicates. */
  async untilSettled(topic: string, count: number, work: () => Promise<unknown>, outcome = 'accepted'): Promise<void> {
    const wanted = (await this.counted(topic, outcome)) + count;
    await work();
    const look = async () => ((await this.counted(topic, outcome)) >= wanted ? true : undefined);
    await this.untilDefined(look, `${count} records ${outcome} in ${topic}`);
  }

  /** Tells all services of a tenant's state, as tenant-manager does. */
  async announceTenant(tenant: string, state: 'ACTIVE' | 'SUSPENDED', above = 'platform'): Promise<void> {
    const type = state === 'ACTIVE' ? tenantEvents.TenantActivatedSchema : tenantEvents.TenantSuspendedSchema;
    const data = toBinary(type, create(type, { tenant, ancestors: [...new Set(['platform', above])], state }));
    const event = { id: randomUUID(), type: type.typeName, source: 'services/tenant-manager', tenant, key: `tenants/${tenant}`, data };
    await this.context.bus.publish([toBusMessage({ ...event, topic: topicOf(type), time: new Date() })]);
  }

  private async untilDefined<T>(look: () => T | undefined | Promise<T | undefined>, what: string): Promise<T> {
    const until = Date.now() + patienceMs;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (Date.now() > until) throw new Error(`waited in vain for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

/** Add it to a test platform's modules; then `platform.get(Producer)`. */
@Module({ providers: [Producer] })
export class ProducerModule {}
