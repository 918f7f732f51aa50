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
 * Says why brokers can't be used: KAFKA_UNREACHABLE, which waiting may help, or KAFKA_AUTHENTICATION_FAILED or
 * KAFKA_TLS_FAILED, which it won't.
 */
export function connectionError(error: unknown, options: Pick<KafkaConnectionOptions, 'brokers' | 'sasl'>): DomainError {
  const brokers = options.brokers.join(', ');
  const causes = causesOf(error);
  const reason = causes.at(-1)?.message ?? String(error);
  if (causes.some(isAuthentication)) {
    const who = options.sasl === undefined ? 'a client without a user name' : `user ${options.sasl.username}`;
    return new Unauthenticated('KAFKA_AUTHENTICATION_FAILED', `Kafka at ${brokers} refused ${who}: ${reason}`, { brokers });
  }
  if (causes.some((cause) => 'code' in cause && typeof cause.code === 'string' && tlsCodes.test(cause.code))) {
    return new FailedPrecondition('KAFKA_TLS_FAILED', `no encrypted connection to Kafka at ${brokers}: ${reason}`, { brokers });
  }
  return new Unavailable('KAFKA_UNREACHABLE', `Kafka at ${brokers} cannot be reached: ${reason}`, { brokers });
}

function isAuthentication(error: Error): boolean {
  return error.name === 'KafkaJSSASLAuthenticationError' || ('type' in error && error.type === 'SASL_AUTHENTICATION_FAILED');
}
