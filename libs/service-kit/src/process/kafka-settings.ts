import { readFileSync } from 'node:fs';
import { isNativeError } from 'node:util/types';
import type { KafkaSasl, KafkaTls } from '@q2/events';
import { z } from 'zod';
import { ConfigurationError } from './configuration-error.js';
import { hostsAndPorts, wholeNumber } from './setting-forms.js';

const file = (what: string) => z.string().min(1).optional().describe(what);

/** Where events go. */
export const kafkaSettings = z.object({
  KAFKA_BROKERS: hostsAndPorts
    .optional()
    .describe('Kafka brokers to begin with, which name the others; without any, events go through the database'),
  KAFKA_TLS: z.enum(['true', 'false']).default('false').describe('Whether the brokers are spoken to encrypted'),
  KAFKA_TLS_CA_FILE: file('PEM file with who may sign the brokers’ certificates; by default the authorities that Node trusts'),
  KAFKA_TLS_CERTIFICATE_FILE: file('PEM file with the certificate to show to the brokers, where they ask for one'),
  KAFKA_TLS_KEY_FILE: file('PEM file with the key of that certificate'),
  KAFKA_SASL_MECHANISM: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).optional().describe('How to sign in to the brokers'),
  KAFKA_SASL_USERNAME: z.string().min(1).optional().describe('User to sign in as'),
  KAFKA_SASL_PASSWORD_FILE: file('File with the password of that user; spaces and line ends around it don’t count'),
  KAFKA_REPLICATION_FACTOR: wholeNumber({ min: 1, max: 9, fallback: 1 }).describe(
    'Copies of each topic that is created; with 2 or more, one broker may be away without anything being lost',
  ),
  KAFKA_TOPIC_PARTITIONS: wholeNumber({ min: 1, max: 256, fallback: 8 }).describe(
    'Partitions of each topic that is created: as many replicas of a service can share its events',
  ),
  KAFKA_TOPIC_RETENTION_HOURS: wholeNumber({ min: 1, max: 312, fallback: 168 }).describe(
    'How long topics that are created keep events; consumers remember for 336 hours what they have handled',
  ),
});

type KafkaSettings = z.infer<typeof kafkaSettings>;
type KafkaSetting = keyof KafkaSettings;

/** How the brokers are reached. */
export interface KafkaConnection {
  readonly brokers: readonly string[];
  readonly tls?: KafkaTls;
  readonly sasl?: KafkaSasl;
}

/**
 * Puts the settings together, and reads the files that they name. Undefined where no brokers are set.
 *
 * @throws {ConfigurationError} naming every setting that is missing beside another, and every file that is not as it must be
 */
export function kafkaConnection(settings: KafkaSettings): KafkaConnection | undefined {
  const problems = problemsOf(settings);
  const read = (setting: KafkaSetting, mustBe?: RegExp) => readSetting(settings, { setting, problems, mustBe });
  const pem = /-----BEGIN [A-Z ]+-----/;
  const ca = read('KAFKA_TLS_CA_FILE', pem);
  const certificate = read('KAFKA_TLS_CERTIFICATE_FILE', pem);
  const key = read('KAFKA_TLS_KEY_FILE', pem);
  const password = read('KAFKA_SASL_PASSWORD_FILE')?.trim();
  if (password === '') problems.push('KAFKA_SASL_PASSWORD_FILE: holds no password');
  if (problems.length > 0) throw new ConfigurationError(problems);
  const { KAFKA_BROKERS: brokers, KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username } = settings;
  if (brokers === undefined) return undefined;
  const sasl = mechanism !== undefined && username !== undefined && password !== undefined ? { mechanism, username, password } : undefined;
  return {
    brokers: brokers.split(','),
    ...(settings.KAFKA_TLS === 'true' ? { tls: { ca, certificate, key } } : {}),
    ...(sasl === undefined ? {} : { sasl }),
  };
}

/** Settings that make sense together only: each one needs the others. */
const together: readonly (readonly KafkaSetting[])[] = [
  ['KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD_FILE'],
  ['KAFKA_TLS_CERTIFICATE_FILE', 'KAFKA_TLS_KEY_FILE'],
];
const onlyWithTls: readonly KafkaSetting[] = ['KAFKA_TLS_CA_FILE', 'KAFKA_TLS_CERTIFICATE_FILE', 'KAFKA_TLS_KEY_FILE'];
const onlyWithBrokers: readonly KafkaSetting[] = [
  ...onlyWithTls,
  'KAFKA_SASL_MECHANISM',
  'KAFKA_SASL_USERNAME',
  'KAFKA_SASL_PASSWORD_FILE',
];

function problemsOf(settings: KafkaSettings): string[] {
  const problems: string[] = [];
  const given = (names: readonly KafkaSetting[]) => names.filter((name) => settings[name] !== undefined);
  for (const names of together) {
    const [some] = given(names);
    const missing = names.filter((name) => settings[name] === undefined);
    if (some !== undefined) problems.push(...missing.map((name) => `${name}: must be set where ${some} is`));
  }
  const ofTls = given(onlyWithTls);
  if (settings.KAFKA_TLS === 'false' && ofTls.length > 0) problems.push(`KAFKA_TLS: must be true where ${ofTls.join(', ')} is set`);
  const encrypted: readonly string[] = settings.KAFKA_TLS === 'true' ? ['KAFKA_TLS'] : [];
  const useless = [...encrypted, ...given(onlyWithBrokers)];
  if (settings.KAFKA_BROKERS === undefined && useless.length > 0)
    problems.push(`KAFKA_BROKERS: must be set where ${useless.join(', ')} is`);
  return problems;
}

function readSetting(
  settings: KafkaSettings,
  { setting, problems, mustBe = /^/ }: { setting: KafkaSetting; problems: string[]; mustBe: RegExp | undefined },
): string | undefined {
  const path = settings[setting];
  if (path === undefined) return undefined;
  try {
    const text = readFileSync(path, 'utf8');
    if (!mustBe.test(text)) problems.push(`${setting}: ${path} is no PEM file`);
    return text;
  } catch (error) {
    problems.push(`${setting}: ${path} cannot be read: ${isNativeError(error) ? error.message : String(error)}`);
    return undefined;
  }
}
