import { whyAway } from './why-away.js';

describe('whyAway', () => {
  it.each([
    ['the database at db:5432/q2 cannot be reached: connect ECONNREFUSED 10.0.0.1:5432', 'connection refused'],
    ['getaddrinfo ENOTFOUND db', 'its name cannot be resolved'],
    ['Name resolution failed for target dns:tenants:1', 'its name cannot be resolved'],
    ['timeout expired', 'no answer'],
    ['connect ETIMEDOUT 10.0.0.1:5432', 'no answer'],
    ['Connection terminated unexpectedly', 'the connection was cut'],
    ['the database system is starting up', 'the database system is starting up'],
  ])('says of "%s": %s', (message, cause) => {
    expect(whyAway(new Error(message))).toBe(cause);
  });
});
