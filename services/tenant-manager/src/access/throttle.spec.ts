import { addressOf, Throttle, type ThrottlePolicy } from './throttle.js';

const policy: ThrottlePolicy = { freeFailures: 2, firstWaitMs: 100, longestWaitMs: 1_000, forgetAfterMs: 10_000, capacity: 3 };

describe('Throttle', () => {
  it('lets the first failures pass, then doubles the wait up to the longest', () => {
    const throttle = new Throttle(policy);
    const waits = Array.from({ length: 8 }, () => {
      throttle.recordFailure('k1', 0);
      return throttle.waitMs('k1', 0);
    });
    expect(waits).toEqual([0, 0, 100, 200, 400, 800, 1_000, 1_000]);
  });

  it('lets the subject try again once the wait is over', () => {
    const throttle = new Throttle(policy);
    for (let count = 0; count < 3; count += 1) throttle.recordFailure('k1', 0);
    expect([throttle.waitMs('k1', 99), throttle.waitMs('k1', 100), throttle.waitMs('other', 0)]).toEqual([1, 0, 0]);
  });

  it('starts anew after success, and after a long time without failure', () => {
    const throttle = new Throttle(policy);
    for (let count = 0; count < 3; count += 1) throttle.recordFailure('k1', 0);
    throttle.recordSuccess('k1');
    expect(throttle.waitMs('k1', 0)).toBe(0);
    for (let count = 0; count < 3; count += 1) throttle.recordFailure('k2', 0);
    throttle.recordFailure('k2', 10_000);
    expect(throttle.waitMs('k2', 10_000)).toBe(0);
  });

  it('never remembers more subjects than its capacity, and forgets the oldest first', () => {
    const throttle = new Throttle(policy);
    for (let count = 0; count < 3; count += 1) throttle.recordFailure('first', 0);
    for (const subject of ['a', 'b', 'c', 'd']) throttle.recordFailure(subject, 1);
    expect(throttle.size).toBe(3);
    expect(throttle.waitMs('first', 1)).toBe(0);
  });
});

describe('addressOf', () => {
  it.each([
    ['10.0.0.7:51234', '10.0.0.7'],
    ['ipv4:10.0.0.7:51234', '10.0.0.7'],
    ['10.0.0.7', '10.0.0.7'],
    ['[::ffff:10.0.0.7]:51234', '10.0.0.7'],
    ['[2001:db8:1:2:3:4:5:6]:51234', '2001:db8:1:2'],
    ['ipv6:[2001:db8::1]:51234', '2001:db8:0:0'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['unknown', 'unknown'],
  ])('reads %s as %s', (peer, address) => {
    expect(addressOf(peer)).toBe(address);
  });
});
