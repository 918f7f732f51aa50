import type { Fault } from './fault-plan.js';

/** What a fault keeps others away from: its service, or the server. */
function targetOf(fault: Fault): string {
  return 'service' in fault ? fault.service : fault.kind;
}

/**
 * Injects faults in the plan's order, several at once but never two with the same target: the next begins once one before it has
 * ended, and waits for those on its own target.
 */
export async function injectAll(faults: readonly Fault[], atOnce: number, inject: (fault: Fault) => Promise<void>): Promise<void> {
  const running = new Map<string, Promise<void>>();
  for (const fault of faults) {
    const target = targetOf(fault);
    while (running.size >= atOnce || running.has(target)) await Promise.race(running.values());
    running.set(
      target,
      inject(fault).finally(() => running.delete(target)),
    );
  }
  await Promise.all(running.values());
}
