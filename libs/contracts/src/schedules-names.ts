import { resourceName } from './resource-name.js';

export const triggerName = resourceName('tenants/{tenant}/triggers/{trigger}');
export const firingName = resourceName('tenants/{tenant}/triggers/{trigger}/firings/{firing}');
export const eventName = resourceName('tenants/{tenant}/events/{event}');
