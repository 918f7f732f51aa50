// Prints the URL of the database that the platform uses: `npm run --silent db:url`.
import { embeddedPostgresUrl } from '@q2/database';
import { sentenceOf } from '@q2/service-kit';
import { platformSettings } from './settings.js';

try {
  const { settings, home } = platformSettings();
  console.log(settings.DATABASE_URL ?? (await embeddedPostgresUrl(home.postgres)));
} catch (error) {
  console.error(`q2: ${sentenceOf(error)}`);
  process.exitCode = 1;
}
