import { Database } from '@q2/database';
import { DomainError, NotFound } from '@q2/errors';
import { DeadLetters, eventJson, fromBusMessage, Outbox, type DeadLetter } from '@q2/events';
import { parseCommand, schemaOfService, usage, type DeadLetterCommand } from './dead-letter-arguments.js';

/** What the command works on and where it prints. */
export interface DeadLetterConsole {
  databaseUrl(): Promise<string>;
  print(line: string): void;
}

/** EX_USAGE of sysexits.h. */
const usageExitCode = 64;

/** The dead letters of one service. */
interface Office {
  readonly service: string;
  readonly letters: DeadLetters;
}

/** A dead letter, and whose. */
interface Found {
  readonly office: Office;
  readonly letter: DeadLetter;
}

/**
 * Does what the operator asks for, on the services' own tables, whether the services run or not. What is replayed is tried by
 * the service's next look at its parked events, within a second.
 *
 * @returns the exit code: 0, 1 where a letter was refused, 64 where the command was not understood
 */
export async function runDeadLetterCommand(line: readonly string[], { databaseUrl, print }: DeadLetterConsole): Promise<number> {
  const command = line[0] === 'help' ? usage : parseCommand(line);
  if (typeof command === 'string') {
    print(command === usage ? usage : `${command}\n${usage}`);
    return command === usage ? 0 : usageExitCode;
  }
  const url = await databaseUrl();
  const services = command.service === undefined ? Object.keys(schemaOfService) : [command.service];
  const databases: Database[] = [];
  try {
    const offices: Office[] = [];
    for (const service of services) offices.push(await openOffice(service, url, databases));
    return await carryOut(command, offices, print);
  } finally {
    await Promise.all(databases.map((database) => database.close()));
  }
}

/** The tables are the service's own to make: no migration runs here. */
async function openOffice(service: string, url: string, databases: Database[]): Promise<Office> {
  const schema = { name: schemaOfService[service] ?? service, entities: [], migrations: [] };
  const database = await Database.connect({ url, schema, poolSize: 2, jobsPoolSize: 1 });
  databases.push(database);
  return { service, letters: new DeadLetters(database, new Outbox(`services/${service}`, () => undefined)) };
}

async function carryOut(command: DeadLetterCommand, offices: readonly Office[], print: (line: string) => void): Promise<number> {
  const found = command.ids.length > 0 ? await findAll(offices, command.ids) : await matching(offices, command);
  if (command.verb === 'list') {
    print(command.isJson ? JSON.stringify(found.map(summary), undefined, 2) : table(found));
    return 0;
  }
  if (command.verb === 'show') {
    for (const each of found) print(JSON.stringify({ ...summary(each), ...content(each.letter) }, undefined, 2));
    return 0;
  }
  const refused: string[] = [];
  for (const { office, letter } of found) {
    const act = command.verb === 'replay' ? office.letters.replay.bind(office.letters) : office.letters.discard.bind(office.letters);
    await act(letter.tenant, letter.id).catch((error: unknown) => refused.push(refusal(error)));
  }
  for (const sentence of refused) print(sentence);
  print(`${found.length - refused.length} ${command.verb === 'replay' ? 'replayed' : 'discarded'}, ${refused.length} refused`);
  return refused.length === 0 ? 0 : 1;
}

/** @throws what is not a refusal of one letter, such as a database that is away */
function refusal(error: unknown): string {
  if (error instanceof DomainError && error.kind !== 'UNAVAILABLE') return error.message;
  throw error;
}

/** @throws {NotFound} DEAD_LETTER_NOT_FOUND naming the first id that no service has, before anything is done */
async function findAll(offices: readonly Office[], ids: readonly string[]): Promise<Found[]> {
  const found: Found[] = [];
  for (const id of ids) {
    const before = found.length;
    for (const office of offices) found.push(...(await office.letters.list({ id })).map((letter) => ({ office, letter })));
    if (found.length === before) throw new NotFound('DEAD_LETTER_NOT_FOUND', `dead letter ${id} does not exist`, { id });
  }
  return found;
}

const pageSize = 500;

async function matching(offices: readonly Office[], command: DeadLetterCommand): Promise<Found[]> {
  const found: Found[] = [];
  const limit = command.isForAll ? Number.POSITIVE_INFINITY : command.limit;
  for (const office of offices) for await (const letter of lettersOf(office, command)) found.push({ office, letter });
  const newestFirst = found.sort((one, other) => (one.letter.id < other.letter.id ? 1 : -1));
  return newestFirst.slice(0, limit);
}

async function* lettersOf({ letters }: Office, { tenant, consumer, reason }: DeadLetterCommand): AsyncGenerator<DeadLetter> {
  let page: DeadLetter[] = [];
  do {
    const after = page.at(-1)?.id;
    page = await letters.list({ tenant, consumer, pageSize, ...(after !== undefined && { after }) });
    yield* page.filter((letter) => reason === undefined || letter.reason === reason);
  } while (page.length === pageSize);
}

function summary({ office, letter }: Found) {
  const { id, tenant, consumer, topic, key, reason, error, tries, eventId } = letter;
  const type = letter.headers['ce_type'] ?? '';
  return {
    id,
    service: office.service,
    tenant,
    consumer,
    topic,
    type,
    key,
    eventId,
    reason,
    error,
    tries,
    failedAt: letter.failedAt.toISOString(),
  };
}

/** The data as JSON where its contract is known, and as it came where it is not. */
function content(letter: DeadLetter): object {
  const { topic, key, headers } = letter;
  try {
    return { headers, data: eventJson(fromBusMessage({ topic, key, headers, value: letter.data })) };
  } catch {
    return { headers, dataBase64: Buffer.from(letter.data).toString('base64') };
  }
}

function table(found: readonly Found[]): string {
  if (found.length === 0) return 'no dead letters';
  const head = ['id', 'failed at', 'service', 'tenant', 'consumer', 'type', 'reason', 'tries'];
  const rows = found
    .map(summary)
    .map((row) => [row.id, row.failedAt, row.service, row.tenant, row.consumer, row.type, row.reason, String(row.tries)]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const aligned = [head, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return aligned.join('\n');
}
