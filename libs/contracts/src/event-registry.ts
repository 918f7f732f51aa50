import { createRegistry, type DescFile, type Registry } from '@bufbuild/protobuf';
import * as auditEvents from './audit-events.js';
import * as experimentEvents from './experiments-events.js';
import * as modelEvents from './models-events.js';
import * as monitoringEvents from './monitoring-events.js';
import * as scheduleEvents from './schedules-events.js';
import * as tenantEvents from './tenants-events.js';
import * as workflowEvents from './workflows-events.js';

const areas: readonly object[] = [
  auditEvents,
  experimentEvents,
  modelEvents,
  monitoringEvents,
  scheduleEvents,
  tenantEvents,
  workflowEvents,
];

/** Files that declare events, one or more for each area. */
const eventFiles: readonly DescFile[] = areas.flatMap((area) => Object.values<unknown>({ ...area }).filter(isFile));

/** Every message type that the areas' event contracts declare, found by its full name. */
export const eventRegistry: Registry = createRegistry(...eventFiles);

/** Topics that the platform's own events are published to: the packages of the event contracts, sorted. */
export const eventTopics: readonly string[] = [...new Set(eventFiles.map((file) => file.proto.package))].sort();

function isFile(value: unknown): value is DescFile {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'file';
}
