import { Kafka, logLevel, type LogEntry, type RetryOptions } from 'kafkajs';
import type { EventLog } from '../event-log.js';
import type { KafkaConnectionOptions } from './kafka-options.js';
import { silenceNegativeTimeouts } from './silence-negative-timeouts.js';

const connectionTimeoutMs = 3_000;
const requestTimeoutMs = 10_000;
/** The same line is written once in this time: while a broker is away, every client says so at every try. */
const repeatAfterMs = 10_000;
const linesRemembered = 100;
/** What may be logged of what kafkajs knows: never records, never credentials. */
const loggedFields = ['broker', 'groupId', 'memberId', 'topic', 'partition', 'error', 'retryCount'];
/** Said elsewhere, or no news: consumers report their crashes themselves, and failed sends are why producers are replaced. */
const unwanted = /^(Crash: |Limiting retries for the idempotent producer)/;

/**
 * A client of kafkajs. Each producer, consumer and admin has one of its own, because clients share what they know of a
 * group's offsets among its consumers, and get it wrong.
 */
export function kafkaClient(options: KafkaConnectionOptions, retry: RetryOptions): Kafka {
  silenceNegativeTimeouts();
  const { tls, sasl } = options;
  return new Kafka({
    brokers: [...options.brokers],
    clientId: options.clientId,
    connectionTimeout: connectionTimeoutMs,
    requestTimeout: requestTimeoutMs,
    retry,
    logLevel: logLevel.WARN,
    logCreator: () => kafkaLog(options.log),
    ...(sasl === undefined ? {} : { sasl }),
    ...(tls === undefined ? {} : { ssl: definedOnly({ ca: tls.ca, cert: tls.certificate, key: tls.key }) }),
  });
}

/**
 * Takes lines of kafkajs into the platform's log. Its errors are warnings here, because it tries again whatever they say;
 * its warnings, such as that of a rebalance, are the course of things.
 */
export function kafkaLog(log: EventLog, now: () => number = () => performance.now()): (entry: LogEntry) => void {
  const writtenAtMs = new Map<string, number>();
  return ({ level, namespace, log: line }) => {
    if ((level !== logLevel.ERROR && level !== logLevel.WARN) || unwanted.test(line.message)) return;
    const known = writtenAtMs.get(line.message);
    if (known !== undefined && now() - known < repeatAfterMs) return;
    if (writtenAtMs.size >= linesRemembered) writtenAtMs.clear();
    writtenAtMs.set(line.message, now());
    const details = Object.fromEntries(Object.entries(line).filter(([name]) => loggedFields.includes(name)));
    const write = level === logLevel.ERROR ? log.warn.bind(log) : log.info.bind(log);
    write({ kafka: namespace, ...details }, `kafka: ${line.message}`);
  };
}

function definedOnly(fields: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}
