import { readFile } from 'node:fs/promises';
import type { DescService } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { tenants } from '@q2/contracts';
import { addressBook, configuration, processSettings, ServiceClients } from '@q2/service-kit';
import { patiently } from './patience.js';

/** Where a contract is served. */
export type Whereabouts = (service: DescService) => string;

/** Where the variables say that the services are, each by its own as for their peers; what has none is at Q2_ADDRESS. */
export function whereabouts(environment: NodeJS.ProcessEnv = process.env): Whereabouts {
  const settings = configuration(processSettings, environment);
  return addressBook(settings, () => environment['Q2_ADDRESS'] ?? settings.GRPC_ADDRESS);
}

/**
 * Clients that exchange an API key for tokens as a user's program does, and renew them in time.
 *
 * @param where the platform's address, or a service's by its contract
 */
export function signIn(where: string | Whereabouts, apiKey: string): ServiceClients {
  const addressOf = typeof where === 'string' ? () => where : where;
  const anonymous = new ServiceClients(addressOf, undefined);
  let current: { token: string; renewAtMs: number } | undefined;
  const token = async () => {
    if (current && Date.now() < current.renewAtMs) return current.token;
    const issued = await patiently(() =>
      anonymous.get(tenants.AccessService).issueToken({ credential: { case: 'apiKey', value: apiKey } }),
    );
    const expiresAtMs = issued.expireTime ? timestampDate(issued.expireTime).getTime() : Date.now();
    current = { token: issued.accessToken, renewAtMs: Date.now() + (expiresAtMs - Date.now()) / 2 };
    return current.token;
  };
  return new ServiceClients(addressOf, { token });
}

/** The operator's key, from the environment or where the platform keeps it. */
export async function operatorKey(file: string): Promise<string> {
  const given = process.env['Q2_OPERATOR_KEY'];
  if (given) return given;
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch {
    throw new Error(`no operator key in ${file}: start the platform first (npm start), or set Q2_OPERATOR_KEY`);
  }
}
