import type { DescService } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { tenants } from '@q2/contracts';
import type { JSONWebKeySet } from 'jose';
import type { ProcessSettings } from '../process/configuration.js';
import { ServiceClients, type TokenSource } from './service-clients.js';
import { ServiceToken } from './service-token.js';

/** The settings that name where services are. */
export type PeerSettings = Pick<ProcessSettings, Extract<keyof ProcessSettings, `${string}_ADDRESS`>>;

/** Which setting names the address of the service that owns a proto package. */
const settingOfPackage: Readonly<Record<string, (settings: PeerSettings) => string | undefined>> = {
  'q2.tenants.v1': (settings) => settings.TENANT_MANAGER_ADDRESS,
  'q2.models.v1': (settings) => settings.MODEL_REGISTRY_ADDRESS,
  'q2.experiments.v1': (settings) => settings.AB_TESTING_ADDRESS,
  'q2.monitoring.v1': (settings) => settings.MONITORING_ADDRESS,
  'q2.workflows.v1': (settings) => settings.WORKFLOW_ORCHESTRATOR_ADDRESS,
  'q2.schedules.v1': (settings) => settings.SCHEDULER_ADDRESS,
};

/** Finds a contract's servers: where its setting says, or else where all those are that none names. */
export function addressBook(settings: PeerSettings, otherwise: () => string): (service: DescService) => string {
  return (service) => settingOfPackage[service.file.proto.package]?.(settings) ?? otherwise();
}

/** Finds a contract's servers, in this process where no setting names another place. */
export function peersOf(settings: PeerSettings, own: { readonly port: number }): (service: DescService) => string {
  return addressBook(settings, () => `127.0.0.1:${own.port}`);
}

/** Reads the keys that tokens are verified with. */
export async function fetchJwks(clients: ServiceClients): Promise<JSONWebKeySet> {
  const { keys } = await clients.get(tenants.AccessService).getJwks({});
  return { keys: keys.map(({ kty, crv, x, kid, alg, use }) => ({ kty, crv, x, kid, alg, use })) };
}

/** The identity of a service of this platform, proved by the key in its file. */
export function serviceTokenSource(service: string, keyFile: string, clients: ServiceClients): TokenSource {
  return new ServiceToken(keyFile, async (secret) => {
    const issued = await clients.get(tenants.AccessService).issueToken({ credential: { case: 'service', value: { service, secret } } });
    return { token: issued.accessToken, expiresAt: issued.expireTime ? timestampDate(issued.expireTime) : new Date() };
  });
}
