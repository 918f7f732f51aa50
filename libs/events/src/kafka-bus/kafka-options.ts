import type { EventLog } from '../event-log.js';
import type { TopicDeclaration } from '../topics.js';

/** How to reach the brokers, and prove who calls. */
export interface KafkaConnectionOptions {
  /** `host:port` of brokers to begin with; they name the others. */
  readonly brokers: readonly string[];
  /** Name of this process in the brokers' logs and quotas. */
  readonly clientId: string;
  readonly log: EventLog;
  /** Encrypts, where given. */
  readonly tls?: KafkaTls | undefined;
  readonly sasl?: KafkaSasl | undefined;
}

/** PEM texts. */
export interface KafkaTls {
  /** Who must have signed the brokers' certificates. @default the authorities that Node trusts */
  readonly ca?: string | undefined;
  /** This client's own, where the brokers ask for one. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

/** How a user proves to be known to the brokers. */
type KafkaSaslMechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512';

/** A user known to the brokers. */
export type KafkaSasl = {
  [Mechanism in KafkaSaslMechanism]: { readonly mechanism: Mechanism; readonly username: string; readonly password: string };
}[KafkaSaslMechanism];

/** @see KafkaBus */
export interface KafkaBusOptions extends KafkaConnectionOptions {
  /** Topics that may be published to and read; those that don't exist are created. */
  readonly topics: readonly TopicDeclaration[];
  /** Copies of each topic created. @default 1 */
  readonly replicationFactor?: number;
  /** A consumer that dies is replaced after this time; brokers allow 6 s to 30 min by default. @default 10000 */
  readonly sessionTimeoutMs?: number;
  /** Longest time that brokers wait for records before they answer; a consumer may need as long to stop. @default 500 */
  readonly fetchWaitMs?: number;
  /** Records of one partition handled at once. @default 200 */
  readonly batchSize?: number;
  /** A publication that the brokers have not confirmed after this time is rejected. @default 20000 */
  readonly publishTimeoutMs?: number;
  /** Lag is measured at most this often. @default 1000 */
  readonly lagEveryMs?: number;
}
