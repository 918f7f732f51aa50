import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configuration } from './configuration.js';
import { kafkaConnection, kafkaSettings } from './kafka-settings.js';

describe('kafkaConnection', () => {
  const folder = mkdtempSync(join(tmpdir(), 'q2-kafka-settings-'));
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const ca = file('ca.pem', '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n');
  const key = file('key.pem', '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n');
  const password = file('password', 'sesame \n');

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  const connection = (environment: Record<string, string>) => kafkaConnection(configuration(kafkaSettings, environment));
  const brokers = { KAFKA_BROKERS: 'a:9092,b:9092' };
  const user = { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'q2', KAFKA_SASL_PASSWORD_FILE: password };

  it('is none where no brokers are set', () => {
    expect(connection({})).toBeUndefined();
  });

  it('needs nothing but brokers', () => {
    expect(connection(brokers)).toEqual({ brokers: ['a:9092', 'b:9092'] });
  });

  it('reads the files that it is told', () => {
    const tls = { KAFKA_TLS: 'true', KAFKA_TLS_CA_FILE: ca, KAFKA_TLS_CERTIFICATE_FILE: ca, KAFKA_TLS_KEY_FILE: key };
    expect(connection({ ...brokers, ...tls, ...user })).toEqual({
      brokers: ['a:9092', 'b:9092'],
      tls: { ca: expect.stringContaining('MIIB'), certificate: expect.stringContaining('MIIB'), key: expect.stringContaining('MIIE') },
      sasl: { mechanism: 'plain', username: 'q2', password: 'sesame' },
    });
  });

  it('trusts the usual authorities where TLS has no file', () => {
    expect(connection({ ...brokers, KAFKA_TLS: 'true' })).toEqual({ brokers: ['a:9092', 'b:9092'], tls: {} });
  });

  it.each([
    [{ KAFKA_SASL_USERNAME: 'q2' }, 'KAFKA_SASL_MECHANISM: must be set where KAFKA_SASL_USERNAME is'],
    [{ KAFKA_SASL_USERNAME: 'q2' }, 'KAFKA_SASL_PASSWORD_FILE: must be set where KAFKA_SASL_USERNAME is'],
    [{ KAFKA_SASL_MECHANISM: 'plain' }, 'KAFKA_SASL_USERNAME: must be set where KAFKA_SASL_MECHANISM is'],
    [{ KAFKA_TLS: 'true', KAFKA_TLS_CERTIFICATE_FILE: ca }, 'KAFKA_TLS_KEY_FILE: must be set where KAFKA_TLS_CERTIFICATE_FILE is'],
    [{ KAFKA_TLS_CA_FILE: ca }, 'KAFKA_TLS: must be true where KAFKA_TLS_CA_FILE is set'],
    [{ KAFKA_TLS: 'true', KAFKA_TLS_CA_FILE: password }, `KAFKA_TLS_CA_FILE: ${password} is no PEM file`],
    [{ ...user, KAFKA_SASL_PASSWORD_FILE: join(folder, 'gone') }, 'gone cannot be read: ENOENT'],
    [{ ...user, KAFKA_SASL_PASSWORD_FILE: file('empty', '\n') }, 'KAFKA_SASL_PASSWORD_FILE: holds no password'],
  ])('refuses %j in one sentence', (settings, problem) => {
    expect(() => connection({ ...brokers, ...settings })).toThrow(
      expect.objectContaining({ name: 'ConfigurationError', message: expect.stringContaining(problem) }),
    );
  });

  it('names everything at once, and that there are no brokers', () => {
    const settings = { KAFKA_TLS: 'true', KAFKA_SASL_USERNAME: 'q2', KAFKA_TLS_CA_FILE: join(folder, 'gone') };
    expect(() => connection(settings)).toThrow(
      /KAFKA_SASL_MECHANISM: .*KAFKA_BROKERS: must be set where KAFKA_TLS, KAFKA_TLS_CA_FILE, KAFKA_SASL_USERNAME is; KAFKA_TLS_CA_FILE: .*ENOENT/,
    );
  });

  it.each(['nowhere', 'a:9092,', 'a:9092, b:9092', 'a:99999'])('refuses %j as brokers', (given) => {
    expect(() => connection({ KAFKA_BROKERS: given })).toThrow(/KAFKA_BROKERS: must/);
  });
});
