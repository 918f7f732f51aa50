import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestKafka } from '../testing/index.js';

/** A broker that asks for more than an address. */
export interface SecuredKafka {
  /** Without anything: as a test's broker is. */
  readonly open: string;
  /** Encrypted, for users: `plain`, `scram-256` and `scram-512`, each with the password `sesame`. */
  readonly sasl: string;
  /** Encrypted, for clients with a certificate. */
  readonly mutual: string;
  /** PEM texts: who signed the broker's certificate, and one that it accepts of a client. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  stop(): Promise<void>;
}

/** Starts a broker with two encrypted listeners beside its open one, with certificates of its own authority. */
export async function startSecuredKafka(): Promise<SecuredKafka> {
  const folder = mkdtempSync(join(tmpdir(), 'q2-secured-kafka-'));
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  makeCertificates(folder);
  const [sasl, mutual] = [await freePort(), await freePort()];
  const path = process.env['PATH'] ?? '';
  interceptJava(folder, { sasl, mutual });
  process.env['PATH'] = `${folder}:${path}`;
  try {
    const kafka = await startTestKafka();
    const stop = async () => {
      await kafka.stop();
      rmSync(folder, { recursive: true });
    };
    const addresses = { open: kafka.brokers[0] ?? '', sasl: `127.0.0.1:${sasl}`, mutual: `127.0.0.1:${mutual}` };
    return { ...addresses, ca: read('ca.pem'), certificate: read('client.pem'), key: read('client.key'), stop };
  } finally {
    process.env['PATH'] = path;
  }
}

function makeCertificates(folder: string): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  openssl(...'req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=q2-test-authority'.split(' '));
  writeFileSync(join(folder, 'names'), 'subjectAltName=IP:127.0.0.1');
  for (const name of ['broker', 'client']) {
    openssl(...`req -newkey rsa:2048 -nodes -keyout ${name}.key -out ${name}.csr -subj /CN=${name}`.split(' '));
    openssl(...`x509 -req -in ${name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out ${name}.pem`.split(' '));
  }
  const text = (name: string) => readFileSync(join(folder, name), 'utf8');
  writeFileSync(join(folder, 'broker-store.pem'), text('broker.key') + text('broker.pem'));
}

/** Puts a `java` before the real one, which adds the listeners to the broker's settings, and users when its storage is made. */
function interceptJava(folder: string, ports: { readonly sasl: number; readonly mutual: number }): void {
  const listeners = `SASL://127.0.0.1:${ports.sasl},MUTUAL://127.0.0.1:${ports.mutual}`;
  const stores = ['sasl', 'mutual'].flatMap((listener) => [
    `listener.name.${listener}.ssl.keystore.type=PEM`,
    `listener.name.${listener}.ssl.keystore.location=${folder}/broker-store.pem`,
    `listener.name.${listener}.ssl.truststore.type=PEM`,
    `listener.name.${listener}.ssl.truststore.location=${folder}/ca.pem`,
  ]);
  const login = 'org.apache.kafka.common.security';
  const settings = [
    ...stores,
    'listener.name.mutual.ssl.client.auth=required',
    'listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    `listener.name.sasl.plain.sasl.jaas.config=${login}.plain.PlainLoginModule required user_plain="sesame";`,
    `listener.name.sasl.scram-sha-256.sasl.jaas.config=${login}.scram.ScramLoginModule required;`,
    `listener.name.sasl.scram-sha-512.sasl.jaas.config=${login}.scram.ScramLoginModule required;`,
  ];
  writeFileSync(join(folder, 'settings'), settings.join('\n'));
  const users = [256, 512].map((bits) => `--add-scram 'SCRAM-SHA-${bits}=[name=scram-${bits},password=sesame]'`).join(' ');
  const script = `#!/bin/sh
for properties; do :; done
sed -i -e 's|^\\(advertised.\\)\\{0,1\\}listeners=.*|&,${listeners}|' \\
  -e 's|^listener.security.protocol.map=.*|&,SASL:SASL_SSL,MUTUAL:SSL|' "$properties"
cat '${folder}/settings' >> "$properties"
case "$*" in *StorageTool*) set -- "$@" ${users};; esac
exec ${realJava()} "$@"
`;
  writeFileSync(join(folder, 'java'), script);
  chmodSync(join(folder, 'java'), 0o755);
}

function realJava(): string {
  return execFileSync('sh', ['-c', 'command -v java']).toString().trim();
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address: AddressInfo | string | null = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
