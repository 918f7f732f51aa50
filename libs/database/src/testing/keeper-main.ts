import { messageOf } from '../database-errors.js';
import { EmbeddedPostgresError } from '../embedded/embedded-postgres-error.js';
import { Keeper } from './keeper.js';

/** Exit code that says: another keeper is at work already. */
const alreadyKept = 3;

try {
  await Keeper.start(process.argv[2] ?? '', () => process.exit(0));
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(error instanceof EmbeddedPostgresError && error.reason === 'POSTGRES_FOLDER_IN_USE' ? alreadyKept : 1);
}
