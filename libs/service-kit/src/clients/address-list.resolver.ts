import { experimental, type ChannelOptions } from '@grpc/grpc-js';

/** Scheme of targets that list host names: `q2-list:one:50051,two:50051`. grpc-js itself takes lists of IP addresses only. */
export const addressListScheme = 'q2-list';

type Endpoints = Parameters<experimental.ResolverListener>[0];

/** Resolves each name of a list as grpc-js resolves a single one, and gives the addresses of all. */
class AddressListResolver implements experimental.Resolver {
  private readonly resolvers: readonly experimental.Resolver[];
  private readonly results = new Map<string, Endpoints>();

  constructor(
    target: experimental.GrpcUri,
    private readonly listener: experimental.ResolverListener,
    options: ChannelOptions,
  ) {
    const withoutTxt = { ...options, 'grpc.service_config_disable_resolution': 1 };
    this.resolvers = target.path.split(',').map((address) => {
      const record = (endpoints: Endpoints) => this.record(address, endpoints);
      return experimental.createResolver({ scheme: 'dns', path: address }, record, withoutTxt);
    });
  }

  static getDefaultAuthority(target: experimental.GrpcUri): string {
    return target.path.split(',')[0] ?? '';
  }

  updateResolution(): void {
    for (const resolver of this.resolvers) resolver.updateResolution();
  }

  destroy(): void {
    for (const resolver of this.resolvers) resolver.destroy();
  }

  /** A name that cannot be resolved is left out as long as another can. */
  private record(address: string, endpoints: Endpoints): boolean {
    if (!endpoints.ok && this.results.get(address)?.ok) return true;
    this.results.set(address, endpoints);
    const found = [...this.results.values()].flatMap((result) => (result.ok ? result.value : []));
    if (found.length > 0) return this.listener(experimental.statusOrFromValue(found), {}, null, '');
    return this.results.size < this.resolvers.length || this.listener(endpoints, {}, null, '');
  }
}

experimental.registerResolver(addressListScheme, AddressListResolver);
