// Lists, shows, replays and discards the events that consumers gave up on: `npm run --silent dlq -- help`.
import { embeddedPostgresUrl } from '@q2/database';
import { sentenceOf } from '@q2/service-kit';
import { runDeadLetterCommand } from './dead-letters.js';
import { platformSettings } from './settings.js';

const { settings, home } = platformSettings();
try {
  process.exitCode = await runDeadLetterCommand(process.argv.slice(2), {
    databaseUrl: async () => settings.DATABASE_URL ?? (await embeddedPostgresUrl(home.postgres)),
    print: (line) => process.stdout.write(`${line}\n`),
  });
} catch (error) {
  process.stderr.write(`q2: ${sentenceOf(error)}\n`);
  process.exitCode = 1;
}
