import type { DescMethod, Message } from '@bufbuild/protobuf';
import { methodPolicy, options, tenantReader } from '@q2/contracts';

/** A method as the pipeline serves it: what its contract says, read once. */
export interface ServedMethod {
  readonly descriptor: DescMethod;
  readonly service: string;
  readonly name: string;
  /** `q2.models.v1.ModelService/PromoteVersion`. */
  readonly fullName: string;
  readonly policy: options.MethodPolicy;
  readonly readTenant: ((request: Message) => string | undefined) | undefined;
  /** Unary methods with a request_id run in one transaction, together with their replay record and audit event. */
  readonly isMutation: boolean;
  /** Methods of tenant-manager, which its peers reach for suspended tenants too. */
  readonly isAccessService: boolean;
}

export function servedMethod(descriptor: DescMethod): ServedMethod {
  const service = descriptor.parent.typeName;
  const hasRequestId = descriptor.input.fields.some((field) => field.name === 'request_id');
  return {
    descriptor,
    service,
    name: descriptor.name,
    fullName: `${service}/${descriptor.name}`,
    policy: methodPolicy(descriptor),
    readTenant: tenantReader(descriptor.input),
    isMutation: hasRequestId && descriptor.methodKind === 'unary',
    isAccessService: service.startsWith('q2.tenants.'),
  };
}
