import { isNativeError } from 'node:util/types';
import { FailedPrecondition, Unauthenticated, Unavailable, type DomainError } from '@q2/errors';
import type { KafkaConnectionOptions } from './kafka-options.js';

/** Codes that Node gives where one side does not trust the other's certificate, or does not speak TLS at all. */
const tlsCodes = /CERT|TLS|SSL|SIGNED|EPROTO|UNABLE_TO_(GET|VERIFY)|ISSUER/;

/** The errors that an error was caused by, itself first. */
export function causesOf(error: unknown): Error[] {
  const causes: Error[] = [];
  for (let next = error; isNativeError(next) && !causes.includes(next); next = next.cause) causes.push(next);
  return causes;
}

/**
 * Says why brokers can't be used: KAFKA_UNREACHABLE, which waiting may help; KAFKA_REFUSED, such as of a message that is too
 * large; or KAFKA_AUTHENTICATION_FAILED or KAFKA_TLS_FAILED, which need somebody to change something.
 */
export function connectionError(error: unknown, options: Pick<KafkaConnectionOptions, 'brokers' | 'sasl'>): DomainError {
  const brokers = options.brokers.join(', ');
  const causes = causesOf(error);
  const reason = reasonOf(causes.at(-1)?.message ?? String(error));
  if (causes.some(isAuthentication)) {
    const who = options.sasl === undefined ? 'a client without a user name' : `user ${options.sasl.username}`;
    return new Unauthenticated('KAFKA_AUTHENTICATION_FAILED', `Kafka at ${brokers} refused ${who}: ${reason}`, { brokers });
  }
  if (causes.some((cause) => 'code' in cause && typeof cause.code === 'string' && tlsCodes.test(cause.code))) {
    return new FailedPrecondition('KAFKA_TLS_FAILED', `no encrypted connection to Kafka at ${brokers}: ${reason}`, { brokers });
  }
  if (causes.some(isRefusal)) return new Unavailable('KAFKA_REFUSED', `Kafka at ${brokers} refused a request: ${reason}`, { brokers });
  return new Unavailable('KAFKA_UNREACHABLE', `Kafka at ${brokers} cannot be reached: ${reason}`, { brokers });
}

const authenticationTypes = ['SASL_AUTHENTICATION_FAILED', 'ILLEGAL_SASL_STATE', 'UNSUPPORTED_SASL_MECHANISM'];

function isAuthentication(error: Error): boolean {
  if (error.name === 'KafkaJSSASLAuthenticationError') return true;
  return 'type' in error && typeof error.type === 'string' && authenticationTypes.includes(error.type);
}

/** An answer of a broker that trying again does not change. */
function isRefusal(error: Error): boolean {
  return error.name === 'KafkaJSProtocolError' && 'retriable' in error && error.retriable === false;
}

/** A text of kafkajs or OpenSSL in its plainest form, with what it mostly means where it says little. */
function reasonOf(message: string): string {
  const plain = message.replace(/^Connection error: /, '').trim();
  if (/^Closed connection|socket disconnected before secure TLS/.test(plain)) {
    return 'the connection was closed, as brokers do where one side encrypts and the other does not, or where they want a user';
  }
  return /SSL routines:[^:]*:([^:]+):/.exec(plain)?.[1] ?? plain;
}
