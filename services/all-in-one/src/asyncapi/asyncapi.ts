import type { DescFile, DescMessage } from '@bufbuild/protobuf';
import { eventRegistry, eventTopics, experiments, monitoring, schedules } from '@q2/contracts';
import { ingressHeaders } from '@q2/service-kit';
import { stringify } from 'yaml';
import { schemaReference, schemasOf, type Json, type Schema } from './json-schema.js';
import { protoComments } from './proto-comments.js';

/** A topic that producers outside publish to, and the messages that its records may hold. */
export interface IngressChannel {
  readonly topic: string;
  readonly description: string;
  readonly messages: readonly DescMessage[];
  /** Fields that the contract requires and records may leave out: their headers say the same. */
  readonly leftOut: readonly string[];
}

export const ingressChannels: readonly IngressChannel[] = [
  {
    topic: 'q2.ingress.metrics.v1',
    description: 'Metric points of producers outside, as MetricService/RecordStream takes them.',
    messages: [monitoring.MetricService.method.recordStream.input],
    leftOut: ['q2.monitoring.v1.RecordStreamRequest.parent', 'q2.monitoring.v1.RecordStreamRequest.batch_id'],
  },
  {
    topic: 'q2.ingress.outcomes.v1',
    description: 'Exposures and outcomes of producers outside, as OutcomeService takes them.',
    messages: [experiments.OutcomeService.method.recordExposuresStream.input, experiments.OutcomeService.method.recordOutcomesStream.input],
    leftOut: [],
  },
  {
    topic: 'q2.ingress.events.v1',
    description: 'Events of producers outside, as EventService/EmitEvent takes them.',
    messages: [schedules.EventService.method.emitEvent.input],
    leftOut: ['q2.schedules.v1.EmitEventRequest.parent'],
  },
];

const introduction = `What Q2 publishes, and what it takes from producers outside. Both are CloudEvents 1.0 in binary mode: attributes in headers.
Events of the platform are protobuf on the wire; their schemas here are those of the JSON form. Records of producers are JSON.
Records that nobody could act on are in the topic's dead letters, \`<topic>.dlq\`, with the headers dlq_reason, dlq_error,
dlq_consumer and dlq_tries. This file is made from the contracts: node services/all-in-one/dist/asyncapi/asyncapi.main.js`;

/**
 * The AsyncAPI 3.0 document of all topics, as YAML.
 *
 * @param readProto gives the text of a contract by its path below proto/
 */
export function asyncApi(readProto: (file: string) => string): string {
  const events = [...eventRegistry].filter((type) => type.kind === 'message').filter((message) => isTopic(message.file) && !message.parent);
  const taken = ingressChannels.flatMap(({ messages }) => messages);
  const comments = commentsOf([...events, ...taken], readProto);
  const sent = schemasOf(events, { comments, isStrict: false, leftOut: new Set() });
  const received = schemasOf(taken, { comments, isStrict: true, leftOut: new Set(ingressChannels.flatMap(({ leftOut }) => leftOut)) });
  const document: Json = {
    asyncapi: '3.0.0',
    info: { title: 'Q2', version: '1.0.0', description: introduction },
    servers: { kafka: { host: 'kafka:9092', protocol: 'kafka', description: 'The brokers that KAFKA_BROKERS names.' } },
    channels: { ...eventChannels(events), ...Object.fromEntries(ingressChannels.map(ingressChannel)) },
    operations: { ...Object.fromEntries(eventTopics.map(sends)), ...Object.fromEntries(ingressChannels.map(receives)) },
    components: {
      messages: {
        ...Object.fromEntries(events.map((message) => [message.typeName, eventMessage(message, comments.get(message.typeName))])),
        ...Object.fromEntries(taken.map((message) => [message.typeName, ingressMessage(message, comments.get(message.typeName))])),
      },
      schemas: { EventHeaders: eventHeaders, IngressHeaders: ingressHeadersSchema(), ...merged(sent, received) },
    },
  };
  return stringify(document, { lineWidth: 0, singleQuote: true, aliasDuplicateObjects: false });
}

function isTopic(file: DescFile): boolean {
  return eventTopics.includes(file.proto.package);
}

/** Comments of the files of these messages, and of all that those import. */
function commentsOf(messages: readonly DescMessage[], readProto: (file: string) => string): Map<string, string> {
  const comments = new Map<string, string>();
  const seen = new Set<string>();
  const read = (file: DescFile): void => {
    if (seen.has(file.name) || !file.name.startsWith('q2/')) return;
    seen.add(file.name);
    for (const [name, comment] of protoComments(readProto(`${file.name}.proto`))) comments.set(name, comment);
    file.dependencies.forEach(read);
  };
  for (const { file } of messages) read(file);
  return comments;
}

/** @throws {Error} where a message goes both ways: then what is taken strictly would be promised too */
function merged(sent: ReadonlyMap<string, Schema>, received: ReadonlyMap<string, Schema>): Record<string, Schema> {
  const both = [...sent].find(([name, { type }]) => type === 'object' && received.has(name));
  if (both) throw new Error(`${both[0]} is both sent and received: it needs a schema for each`);
  return Object.fromEntries([...sent, ...received].sort(([left], [right]) => (left < right ? -1 : 1)));
}

function eventChannels(events: readonly DescMessage[]): Record<string, Json> {
  return Object.fromEntries(
    eventTopics.map((topic) => [
      topic,
      {
        address: topic,
        description: 'Facts of the platform, keyed by the name of what they are about: the order of a key holds.',
        messages: Object.fromEntries(events.filter(({ file }) => file.proto.package === topic).map(messageReference)),
      },
    ]),
  );
}

function ingressChannel({ topic, description, messages }: IngressChannel): [string, Json] {
  return [topic, { address: topic, description, messages: Object.fromEntries(messages.map(messageReference)) }];
}

function messageReference({ name, typeName }: DescMessage): [string, Json] {
  return [name, { $ref: `#/components/messages/${typeName}` }];
}

function sends(topic: string): [string, Json] {
  return [`send.${topic}`, { action: 'send', channel: { $ref: `#/channels/${topic}` } }];
}

function receives({ topic, description }: IngressChannel): [string, Json] {
  return [`receive.${topic}`, { action: 'receive', channel: { $ref: `#/channels/${topic}` }, summary: description }];
}

function eventMessage({ name, typeName, file }: DescMessage, summary = ''): Json {
  const where = { 'x-protobuf-message': typeName, 'x-protobuf-file': `${file.name}.proto` };
  return {
    name,
    summary,
    contentType: 'application/protobuf',
    headers: schemaReference('EventHeaders'),
    payload: schemaReference(typeName),
    ...where,
  };
}

function ingressMessage({ name, typeName }: DescMessage, summary = ''): Json {
  const parts = { headers: schemaReference('IngressHeaders'), payload: schemaReference(typeName) };
  return { name, summary, description: `ce_type is ${typeName}.`, contentType: 'application/json', ...parts };
}

const text = (description: string): Json => ({ type: 'string', description });

const eventHeaders: Schema = {
  type: 'object',
  required: ['content-type', 'ce_specversion', 'ce_id', 'ce_type', 'ce_source', 'ce_tenant', 'ce_time'],
  properties: {
    'content-type': { type: 'string', const: 'application/protobuf' },
    ce_specversion: { type: 'string', const: '1.0' },
    ce_id: text('Id of the event; the same event may come more than once.'),
    ce_type: text('Full name of the message.'),
    ce_source: text('Who published it, such as services/model-registry.'),
    ce_tenant: text('Tenant that owns the fact; platform where no customer does.'),
    ce_time: { type: 'string', format: 'date-time' },
    traceparent: text('W3C trace context of the change.'),
    tracestate: text('W3C trace state of the change.'),
  },
};

function ingressHeadersSchema(): Schema {
  const required = ingressHeaders.filter(({ isRequired }) => isRequired).map(({ name }) => name);
  const properties = Object.fromEntries(ingressHeaders.map(({ name, allowed }) => [name, text(allowed)]));
  return { type: 'object', required, properties: { ...properties, traceparent: text('W3C trace context that the platform continues') } };
}
