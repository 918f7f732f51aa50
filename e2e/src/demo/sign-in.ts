import { readFile } from 'node:fs/promises';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { tenants } from '@q2/contracts';
import { ServiceClients } from '@q2/service-kit';
import { patiently } from './patience.js';

/** Clients that exchange an API key for tokens as a user's program does, and renew them in time. */
export function signIn(address: string, apiKey: string): ServiceClients {
  const anonymous = new ServiceClients(() => address, undefined);
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
  return new ServiceClients(() => address, { token });
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
