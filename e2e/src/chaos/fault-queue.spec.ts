import type { Fault } from './fault-plan.js';
import { injectAll } from './fault-queue.js';

const kill = (service: string): Fault => ({ kind: 'kill', service, replicas: [0], afterMs: 0 });
const nameOf = (fault: Fault) => ('service' in fault ? fault.service : fault.kind);

describe('injectAll', () => {
  it('begins faults in order, as many at once as it may, and never two on one target', async () => {
    const running = new Set<string>();
    const begun: string[] = [];
    let most = 0;
    await injectAll([kill('a'), kill('a'), kill('b'), { kind: 'kafka', afterMs: 0 }, kill('a'), kill('c')], 2, async (fault) => {
      expect(running.has(nameOf(fault))).toBe(false);
      running.add(nameOf(fault));
      begun.push(nameOf(fault));
      most = Math.max(most, running.size);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running.delete(nameOf(fault));
    });
    expect(begun).toEqual(['a', 'a', 'b', 'kafka', 'a', 'c']);
    expect(most).toBe(2);
    expect(running.size).toBe(0);
  });

  it('fails where a fault cannot be injected', async () => {
    await expect(injectAll([kill('a'), kill('b')], 1, () => Promise.reject(new Error('no such process')))).rejects.toThrow(
      'no such process',
    );
  });
});
