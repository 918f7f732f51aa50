import { isIPv4, isIPv6 } from 'node:net';
import { splitAddress } from '../process/http-server.js';
import { addressListScheme } from './address-list.resolver.js';

/**
 * The grpc-js target of a peer's addresses, such that calls go to each of them in turn.
 *
 * @param addresses `host:port`, several with commas between, or a target with a scheme already
 */
export function peerTarget(addresses: string): string {
  if (addresses.includes('://')) return addresses;
  const hosts = addresses.split(',').map((address) => splitAddress(address).host);
  if (hosts.every((host) => isIPv4(host))) return `ipv4:${addresses}`;
  if (hosts.every((host) => isIPv6(host))) return `ipv6:${addresses}`;
  return hosts.length === 1 ? `dns:///${addresses}` : `${addressListScheme}:${addresses}`;
}
