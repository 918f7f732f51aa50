import { causesOf, connectionError } from './kafka-errors.js';

const options = { brokers: ['a:1', 'b:2'], sasl: undefined };
const failure = (message: string, fields: object = {}) => Object.assign(new Error(message), fields);

describe('connectionError', () => {
  it.each([
    [
      'KAFKA_UNREACHABLE',
      failure('Connection error: connect ECONNREFUSED a:1', { code: 'ECONNREFUSED' }),
      'cannot be reached: connect ECONNREFUSED a:1',
    ],
    ['KAFKA_UNREACHABLE', failure('Closed connection'), 'as brokers do where one side encrypts'],
    ['KAFKA_UNREACHABLE', 'no error at all', 'no error at all'],
    [
      'KAFKA_TLS_FAILED',
      failure('Connection error: self-signed certificate', { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }),
      ': self-signed certificate',
    ],
    [
      'KAFKA_TLS_FAILED',
      failure('4:error:0A000412:SSL routines:ssl3_read_bytes:ssl/tls alert bad certificate:../x.c:9:', { code: 'ERR_SSL_X' }),
      ': ssl/tls alert bad certificate',
    ],
    [
      'KAFKA_AUTHENTICATION_FAILED',
      failure('no such user', { name: 'KafkaJSSASLAuthenticationError' }),
      'refused a client without a user name: no such user',
    ],
    ['KAFKA_AUTHENTICATION_FAILED', failure('not now', { type: 'ILLEGAL_SASL_STATE' }), 'not now'],
    ['KAFKA_REFUSED', failure('too large', { name: 'KafkaJSProtocolError', retriable: false }), 'refused a request: too large'],
  ])('is %s where that is the cause', (reason, error, text) => {
    const outer = new Error('gave up', { cause: error });
    expect(connectionError(error, options)).toMatchObject({ reason, message: expect.stringContaining(text) });
    if (error instanceof Error)
      expect(connectionError(outer, options)).toMatchObject({ reason, message: expect.stringContaining('a:1, b:2') });
  });

  it('names the user, and not the password', () => {
    const sasl = { mechanism: 'plain', username: 'q2', password: 'sesame' } as const;
    const { message } = connectionError(failure('wrong', { name: 'KafkaJSSASLAuthenticationError' }), { ...options, sasl });
    expect(message).toBe('Kafka at a:1, b:2 refused user q2: wrong');
  });
});

describe('causesOf', () => {
  it('ends where an error is its own cause', () => {
    const error: Error & { cause?: unknown } = new Error('round');
    error.cause = error;
    expect(causesOf(error)).toEqual([error]);
  });
});
