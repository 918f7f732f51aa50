import { create, createFileRegistry, setExtension, type DescService } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
  MethodOptionsSchema,
  type FieldOptions,
  type MethodOptions,
} from '@bufbuild/protobuf/wkt';
import { contractProblems } from './contract-check.js';
import { field, FieldRulesSchema, method, MethodPolicySchema, Role } from './gen/q2/options/v1/options_pb.js';
import { allServices } from './services.js';

/** A service with one method `Do`, whose request has one field `value`. */
function serviceOf(type: Type, options?: { field?: FieldOptions; method?: MethodOptions; label?: Label }): DescService {
  const file = create(FileDescriptorProtoSchema, {
    name: 'test.proto',
    package: 'test',
    syntax: 'proto3',
    messageType: [
      {
        name: 'Request',
        field: [
          { name: 'value', number: 1, type, label: options?.label ?? Label.OPTIONAL, ...(options?.field && { options: options.field }) },
        ],
      },
      { name: 'Response' },
    ],
    service: [
      {
        name: 'Service',
        method: [
          { name: 'Do', inputType: '.test.Request', outputType: '.test.Response', ...(options?.method && { options: options.method }) },
        ],
      },
    ],
  });
  const service = createFileRegistry(file, () => undefined).getService('test.Service');
  if (!service) throw new Error('no service');
  return service;
}

function policy(init: { permission?: string; grantedTo?: Role; audited?: boolean; public?: boolean }): MethodOptions {
  const options = create(MethodOptionsSchema);
  setExtension(options, method, create(MethodPolicySchema, init));
  return options;
}

function rules(init: Parameters<typeof create<typeof FieldRulesSchema>>[1]): FieldOptions {
  const options = create(FieldOptionsSchema);
  setExtension(options, field, create(FieldRulesSchema, init));
  return options;
}

const good = policy({ permission: 'test.things.do', grantedTo: Role.EDITOR });

describe('contractProblems', () => {
  it('finds none in the contracts of the platform', () => {
    expect(allServices.length).toBeGreaterThan(15);
    expect(contractProblems(allServices)).toEqual([]);
  });

  it.each([
    ['nothing', undefined, 'test.Service.Do: states no (q2.options.v1.method)'],
    [
      'a permission of a wrong form',
      policy({ permission: 'do', grantedTo: Role.EDITOR }),
      "test.Service.Do: permission 'do' is not area.resource.verb",
    ],
    ['nobody who may call it', policy({ permission: 'test.things.do' }), 'test.Service.Do: nobody may call it'],
    [
      'that it is audited, without a request_id',
      policy({ permission: 'test.things.do', grantedTo: Role.EDITOR, audited: true }),
      'test.Service.Do: audited, but has no request_id',
    ],
  ])('finds a method that states %s', (_, options, problem) => {
    expect(contractProblems([serviceOf(Type.BOOL, options && { method: options })])).toContain(problem);
  });

  it.each([
    ['text', Type.STRING, 'a string without max_length, form, resource or one_of'],
    ['bytes', Type.BYTES, 'bytes without max_length'],
    ['an integer', Type.INT64, 'a number without min and max'],
    ['a double', Type.DOUBLE, 'a number without min and max'],
  ])('finds %s without bounds', (_, type, problem) => {
    expect(contractProblems([serviceOf(type, { method: good })])).toEqual([`test.Request.value: ${problem}`]);
  });

  it('finds a list without bounds on its size or on its elements', () => {
    expect(contractProblems([serviceOf(Type.STRING, { method: good, label: Label.REPEATED })])).toEqual([
      'test.Request.value: has no max_items',
      'test.Request.value items: a string without max_length, form, resource or one_of',
    ]);
  });

  it('accepts what is bounded, set by the server, or public', () => {
    expect(contractProblems([serviceOf(Type.STRING, { method: good, field: rules({ maxLength: 9 }) })])).toEqual([]);
    expect(contractProblems([serviceOf(Type.INT32, { method: good, field: rules({ min: 0, max: 9 }) })])).toEqual([]);
    expect(contractProblems([serviceOf(Type.STRING, { method: good, field: rules({ outputOnly: true }) })])).toEqual([]);
    expect(contractProblems([serviceOf(Type.BOOL, { method: policy({ public: true }) })])).toEqual([]);
  });
});
