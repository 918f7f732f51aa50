import { readFileSync } from 'node:fs';
import { create, toJson } from '@bufbuild/protobuf';
import { allServices, eventRegistry, eventTopics, methodPolicy, modelEvents } from '@q2/contracts';
import { declareTopics, ingressTopics } from '@q2/events';
import Ajv from 'ajv';
import { parse } from 'yaml';
import { z } from 'zod';
import { asyncApi, ingressChannels } from './asyncapi.js';
import { protoComments } from './proto-comments.js';

const root = new URL('../../../../', import.meta.url);
const readProto = (file: string) => readFileSync(new URL(`proto/${file}`, root), 'utf8');
const official = readFileSync(new URL('node_modules/@asyncapi/specs/schemas/3.0.0.json', root), 'utf8');

const officialShape = z.looseObject({ definitions: z.record(z.string(), z.unknown()) });
const documentShape = z.object({
  channels: z.record(z.string(), z.object({ address: z.string(), messages: z.record(z.string(), z.object({ $ref: z.string() })) })),
  components: z.object({ messages: z.record(z.string(), z.looseObject({})), schemas: z.record(z.string(), z.looseObject({})) }),
});
const written: unknown = parse(asyncApi(readProto));
const document = documentShape.parse(written);

/** Checks JSON against one of the document's schemas. */
function isValid(schema: string, json: unknown): boolean {
  const ajv = new Ajv({ unknownFormats: 'ignore', format: false });
  ajv.addSchema({ ...document, $id: 'q2' });
  return ajv.validate({ $ref: `q2#/components/schemas/${schema}` }, json) === true;
}

describe('docs/events/asyncapi.yaml', () => {
  it('is what the contracts say; otherwise run: node services/all-in-one/dist/asyncapi/asyncapi.main.js', () => {
    expect(readFileSync(new URL('docs/events/asyncapi.yaml', root), 'utf8')).toBe(asyncApi(readProto));
  });

  it('is AsyncAPI 3.0 by the official schema', () => {
    const { definitions, ...rest } = officialShape.parse(JSON.parse(official));
    // The schema brings the meta-schema of draft 7 along, which this validator has already.
    const { 'http://json-schema.org/draft-07/schema': _metaSchema, ...own } = definitions;
    const validate = new Ajv({ unknownFormats: 'ignore', format: false }).compile({ ...rest, definitions: own });
    validate(written);
    expect(validate.errors ?? []).toEqual([]);
    expect(validate({ ...document, asyncapi: '3.0.0', info: {} })).toBe(false);
  });

  it('has a channel for every topic that there is, dead letters aside', () => {
    const topics = declareTopics([...eventTopics, ...ingressTopics]).map(({ name }) => name);
    expect(Object.keys(document.channels).sort()).toEqual(topics.filter((name) => !name.endsWith('.dlq')).sort());
  });

  it('has every event, and what it refers to', () => {
    const events = [...eventRegistry].filter(({ typeName, kind }) => kind === 'message' && /^q2\.\w+\.events\.v1\.\w+$/.test(typeName));
    expect(events.length).toBeGreaterThan(25);
    expect(Object.keys(document.components.messages)).toEqual(expect.arrayContaining(events.map(({ typeName }) => typeName)));
    const references = new Set(
      [...JSON.stringify(written).matchAll(/"#\/components\/(\w+)\/([^"]+)"/g)].map(([, kind = '', name = '']) => `${kind} ${name}`),
    );
    const named = Object.entries(document.components).flatMap(([kind, all]) => Object.keys(all).map((name) => `${kind} ${name}`));
    expect([...references].filter((reference) => !named.includes(reference))).toEqual([]);
  });

  it('lets records stand for the methods that producers may call, and for no others', () => {
    const called = allServices.flatMap((service) => service.methods).filter((method) => methodPolicy(method).producers);
    const taken = ingressChannels.flatMap(({ messages }) => messages.map(({ typeName }) => typeName));
    expect(taken.sort()).toEqual(called.map(({ input }) => input.typeName).sort());
  });

  it('says of what is taken the same as the platform', () => {
    const type = 'q2.monitoring.v1.RecordStreamRequest';
    expect(isValid(type, { points: [{ metric: 'm', labels: { a: 'b' }, value: 1, time: '2026-01-01T00:00:00Z' }] })).toBe(true);
    const wrong = [
      {},
      { points: [] },
      { points: [{ metric: '' }] },
      { points: [{ metric: 'm' }], odd: 1 },
      { points: [{ metric: 'm', value: 'x' }] },
    ];
    for (const body of wrong) expect([body, isValid(type, body)]).toEqual([body, false]);
    const outcomes = (experiment: string) => ({ experiment, outcomes: [{ id: '1', unitId: 'u', metric: 'm', value: 1 }] });
    expect(isValid('q2.experiments.v1.RecordOutcomesStreamRequest', outcomes('tenants/a/experiments/b'))).toBe(true);
    expect(isValid('q2.experiments.v1.RecordOutcomesStreamRequest', outcomes('experiments/b'))).toBe(false);
  });

  it('describes events in their JSON form', () => {
    const event = create(modelEvents.VersionPromotedSchema, { version: 'tenants/acme/models/m/versions/1.0.0' });
    expect(isValid(modelEvents.VersionPromotedSchema.typeName, toJson(modelEvents.VersionPromotedSchema, event))).toBe(true);
    expect(isValid(modelEvents.VersionPromotedSchema.typeName, { version: 7 })).toBe(false);
  });

  it('describes every message and field that it shows', () => {
    const silent = Object.entries(document.components.schemas).filter(([name, { description }]) => name.startsWith('q2.') && !description);
    expect(silent.map(([name]) => name)).toEqual([]);
  });
});

describe('protoComments', () => {
  it('reads comments by the name of what they stand above', () => {
    const text = `// The file.
syntax = "proto3";

package q2.x.v1;

// A thing
// of two lines.
message Thing {
  // Its name.
  string name = 1 [(q2.options.v1.field) = {
    required: true
  }];
  // Its labels.
  map<string, string> labels = 2;
  // One of these.
  oneof content {
    // A number.
    int64 number = 3;
  }
  // Inside.
  message Inner {
    // Deep.
    repeated q2.x.v1.Thing deep = 1;
  }
  string silent = 4;
}

// Kinds.
enum Kind {
  // None.
  KIND_UNSPECIFIED = 0;
}
`;
    expect(Object.fromEntries(protoComments(text))).toEqual({
      'q2.x.v1.Thing': 'A thing of two lines.',
      'q2.x.v1.Thing.name': 'Its name.',
      'q2.x.v1.Thing.labels': 'Its labels.',
      'q2.x.v1.Thing.content': 'One of these.',
      'q2.x.v1.Thing.number': 'A number.',
      'q2.x.v1.Thing.Inner': 'Inside.',
      'q2.x.v1.Thing.Inner.deep': 'Deep.',
      'q2.x.v1.Kind': 'Kinds.',
      'q2.x.v1.Kind.KIND_UNSPECIFIED': 'None.',
    });
  });
});
