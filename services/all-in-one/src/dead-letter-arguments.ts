import { parseArgs } from 'node:util';

/** Services, by the schema that each keeps its dead letters in. */
export const schemaOfService: Readonly<Record<string, string>> = {
  'tenant-manager': 'tenants',
  'model-registry': 'models',
  'ab-testing': 'experiments',
  monitoring: 'monitoring',
  'workflow-orchestrator': 'workflows',
  scheduler: 'schedules',
};

/** What the operator asked for. */
export interface DeadLetterCommand {
  readonly service: string | undefined;
  readonly tenant: string | undefined;
  readonly consumer: string | undefined;
  readonly reason: string | undefined;
  readonly verb: 'list' | 'show' | 'replay' | 'discard';
  /** Dead letters by id. */
  readonly ids: readonly string[];
  /** All that the filters match, instead of ids. */
  readonly isForAll: boolean;
  readonly limit: number;
  readonly isJson: boolean;
}

export const usage = `npm run --silent dlq -- list    [filters] [--limit 50] [--json]
npm run --silent dlq -- show    ID…
npm run --silent dlq -- replay  ID… | --all [filters]   the consumer tries them again
npm run --silent dlq -- discard ID… | --all [filters]   they are forgotten for good
filters: --service ${Object.keys(schemaOfService).join('|')}
         --tenant acme  --consumer schedules.triggers  --reason RETRIES_EXHAUSTED
The database is that of DATABASE_URL, or the embedded one of a platform that runs.`;

const verbs = ['list', 'show', 'replay', 'discard'] as const;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Reads a command line; gives a sentence where it is not understood. */
export function parseCommand(line: readonly string[]): DeadLetterCommand | string {
  try {
    return checked(line);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function checked(line: readonly string[]): DeadLetterCommand | string {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const options = { service: text, tenant: text, consumer: text, reason: text, limit: { ...text, default: '50' }, all: flag, json: flag };
  const { values, positionals } = parseArgs({ args: [...line], options, allowPositionals: true });
  const [word, ...ids] = positionals;
  const verb = verbs.find((known) => known === word);
  if (verb === undefined) return `${word ?? 'nothing'} is no command`;
  const { service, tenant, consumer, reason } = values;
  const command = { verb, ids, service, tenant, consumer, reason, limit: Number(values.limit), isForAll: values.all, isJson: values.json };
  return problemOf(command) ?? command;
}

function problemOf({ verb, ids, service, limit, isForAll }: DeadLetterCommand): string | undefined {
  const wrongId = ids.find((id) => !uuid.test(id));
  if (wrongId !== undefined) return `${wrongId} is no id of a dead letter`;
  if (service !== undefined && !(service in schemaOfService)) return `${service} is no service`;
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) return '--limit must be a whole number from 1 to 1000';
  if (verb === 'list') return undefined;
  if (ids.length === 0 && !isForAll) return `${verb} needs ids${verb === 'show' ? '' : ', or --all'}`;
  return isForAll && (verb === 'show' || ids.length > 0) ? '--all goes with replay or discard, and without ids' : undefined;
}
