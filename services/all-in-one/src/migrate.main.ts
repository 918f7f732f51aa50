// Sets up the database once for all services, before they start: `DATABASE_URL=… node services/all-in-one/dist/migrate.main.js`.
import { configuration, ConfigurationError, processSettings, sentenceOf } from '@q2/service-kit';
import { migratePlatform } from './migrate.js';

/** EX_CONFIG of sysexits.h. */
const configurationExitCode = 78;

try {
  const { DATABASE_URL: url } = configuration(processSettings.pick({ DATABASE_URL: true }));
  if (url === undefined) throw new ConfigurationError(['DATABASE_URL: must name the PostgreSQL server of the platform']);
  await migratePlatform(url, { report: (sentence) => process.stdout.write(`q2: ${sentence}\n`) });
  process.stdout.write('q2: the database is ready for this release\n');
} catch (error) {
  process.stderr.write(`q2: ${sentenceOf(error)}\n`);
  process.exitCode = error instanceof ConfigurationError ? configurationExitCode : 1;
}
