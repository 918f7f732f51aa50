import { peerTarget } from './peer-target.js';

describe('peerTarget', () => {
  it.each([
    ['127.0.0.1:50051', 'ipv4:127.0.0.1:50051'],
    ['10.0.0.1:1,10.0.0.2:1', 'ipv4:10.0.0.1:1,10.0.0.2:1'],
    ['[::1]:1,[::2]:1', 'ipv6:[::1]:1,[::2]:1'],
    ['registry:50051', 'dns:///registry:50051'],
    ['dns:///registry-headless:50051', 'dns:///registry-headless:50051'],
    ['one:1,two:2', 'q2-list:one:1,two:2'],
    ['one:1,127.0.0.1:2', 'q2-list:one:1,127.0.0.1:2'],
  ])('makes of %s the target %s', (addresses, target) => {
    expect(peerTarget(addresses)).toBe(target);
  });
});
