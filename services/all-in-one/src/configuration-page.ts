import { monitoringSettings } from '@q2/monitoring';
import { registrySettings } from '@q2/model-registry';
import { processSettings } from '@q2/service-kit';
import { tenantManagerSettings } from '@q2/tenant-manager';
import { orchestratorSettings } from '@q2/workflow-orchestrator';
import { z } from 'zod';
import { homeSettings } from './settings.js';

/** A table of the page: who reads these settings, and their schema. */
export interface SettingsGroup {
  readonly title: string;
  readonly remark?: string;
  readonly schema: z.ZodObject;
}

/** Everything that the platform can be told, in the order of the page. */
export const settingsGroups: readonly SettingsGroup[] = [
  {
    title: 'The platform in one process (`npm start`)',
    remark: 'Artifacts, service keys and the log file are below this folder too, unless their own variables name another place.',
    schema: homeSettings,
  },
  {
    title: 'Every process',
    remark: 'A service that runs in a process of its own needs `DATABASE_URL`, and the addresses of the services that it calls.',
    schema: processSettings,
  },
  { title: 'tenant-manager', schema: tenantManagerSettings },
  { title: 'model-registry', schema: registrySettings },
  { title: 'monitoring', schema: monitoringSettings },
  { title: 'workflow-orchestrator', schema: orchestratorSettings },
];

const introduction = `# Configuration

Settings are environment variables, read once at the start; an empty one counts as unset. Where values are wrong, the
process names all of them in one line and ends with exit code 78. Times that end in \`_MS\` are in milliseconds.
ab-testing and scheduler have no settings of their own.

This page is made from the schemas that the processes read: \`node services/all-in-one/dist/configuration-page.main.js\`.
`;

/** What a JSON schema says of one variable, as far as this page shows it. */
const property = z.object({
  type: z.string().optional(),
  description: z.string().optional(),
  default: z.union([z.string(), z.number()]).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  enum: z.array(z.string()).optional(),
  format: z.string().optional(),
  pattern: z.string().optional(),
});
type Property = z.infer<typeof property>;

/**
 * The page that lists every setting: Markdown made from the schemas themselves, so that it cannot say anything else.
 *
 * @throws {Error} naming a variable whose schema does not say what it means
 */
export function configurationPage(groups: readonly SettingsGroup[] = settingsGroups): string {
  return [introduction, ...groups.map(section)].join('\n');
}

function section({ title, remark, schema }: SettingsGroup): string {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input' });
  const rows = Object.entries(properties).map(([variable, given]) => row(variable, property.parse(given)));
  return `## ${title}\n\n${remark === undefined ? '' : `${remark}\n\n`}${table(['variable', 'default', 'allowed', 'meaning'], rows)}\n`;
}

function row(variable: string, given: Property): string[] {
  if (given.description === undefined) throw new Error(`${variable} has no description: add .describe(…) to its schema`);
  return [`\`${variable}\``, defaultOf(given), allowedOf(given), given.description];
}

/** A Markdown table with columns as wide as their widest cell, as the formatter wants it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(...[title, ...rows.map((cells) => cells[column] ?? '')].map(({ length }) => length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

function defaultOf(given: Property): string {
  if (given.default === undefined) return '–';
  return `\`${given.default}\`${readableBytes(given.default)}`;
}

/** Sizes are told in words too where they are whole. */
function readableBytes(value: string | number): string {
  if (typeof value !== 'number') return '';
  const unit = [
    { bytes: 1024 ** 3, name: 'GiB' },
    { bytes: 1024 ** 2, name: 'MiB' },
  ].find(({ bytes }) => value >= bytes && value % bytes === 0);
  return unit ? ` (${value / unit.bytes} ${unit.name})` : '';
}

function allowedOf(given: Property): string {
  if (given.enum) return given.enum.map((value) => `\`${value}\``).join(' ');
  if (given.type === 'integer' || given.type === 'number') return `${given.minimum} to ${given.maximum}`;
  if (given.format === 'uri') return 'a URL';
  if (given.pattern?.includes('postgres')) return '`postgres://…` or `postgresql://…`';
  if (given.pattern?.includes('(,')) return '`host:port`, several with commas between';
  return given.pattern === undefined ? 'any text' : '`host:port`';
}
