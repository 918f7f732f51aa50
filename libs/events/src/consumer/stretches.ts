import type { Delivery } from './delivery.js';

/**
 * Cuts a batch wherever a key goes over to another tenant, as that of a tenant does which is created by the one above it.
 * Tenants within a stretch may be handled side by side; stretches one after the other keep the order of every key.
 */
export function stretchesOf(deliveries: readonly Delivery[]): Delivery[][] {
  const stretches: Delivery[][] = [];
  let tenantOfKey = new Map<string, string>();
  for (const delivery of deliveries) {
    const { key, tenant } = delivery.event;
    const current = stretches.at(-1);
    if (current !== undefined && (tenantOfKey.get(key) ?? tenant) === tenant) current.push(delivery);
    else {
      stretches.push([delivery]);
      tenantOfKey = new Map();
    }
    tenantOfKey.set(key, tenant);
  }
  return stretches;
}
