import pg from 'pg';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { CreateNotes1764000000000, notes } from './fixtures.testing.js';
import { migrate } from './migrate.js';
import { provisionService } from './provision.js';
import { startTestDatabase, type TestDatabase } from './testing/index.js';

class AddColour1764000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE note ADD COLUMN colour text`);
  }

  async down(): Promise<void> {
    throw new Error('forward only');
  }
}

class Breaks1764000000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE half ()');
    await runner.query('SELECT 1 / 0');
  }

  async down(): Promise<void> {
    throw new Error('forward only');
  }
}

let server: TestDatabase;
let admin: pg.Client;

beforeAll(async () => {
  server = await startTestDatabase();
  await provisionService(server.url, 'notes');
  admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
});

afterAll(async () => {
  await admin.end();
  await server.stop();
});

describe('migrate', () => {
  it('runs what is due once, however many processes start at once', async () => {
    const ran = await Promise.all([1, 2, 3].map(() => migrate(server.url, notes)));
    expect(ran.flat()).toEqual(['CreateNotes1764000000000']);
  });

  it('runs later what is new, in the order of the timestamps', async () => {
    const later = { ...notes, migrations: [AddColour1764000000001, CreateNotes1764000000000] };
    expect(await migrate(server.url, later)).toEqual(['AddColour1764000000001']);
    expect(await migrate(server.url, later)).toEqual([]);
  });

  it('leaves nothing of a migration that fails', async () => {
    const broken = { ...notes, migrations: [...notes.migrations, Breaks1764000000002] };
    await expect(migrate(server.url, broken)).rejects.toThrow('division by zero');
    const { rows } = await admin.query(`SELECT to_regclass('notes.half') AS half`);
    expect(rows).toEqual([{ half: null }]);
  });

  it('makes the owner of the schema own what it creates', async () => {
    const { rows } = await admin.query(`SELECT tableowner FROM pg_tables WHERE schemaname = 'notes' AND tablename = 'note'`);
    expect(rows).toEqual([{ tableowner: 'q2_notes_owner' }]);
  });

  it('does not wait for ever for another process', async () => {
    await admin.query(`SELECT pg_advisory_lock(hashtextextended('q2.migrate.notes', 0))`);
    await expect(migrate(server.url, notes, 200)).rejects.toMatchObject({
      reason: 'MIGRATION_LOCKED',
      message: 'another process has been running the migrations of schema notes for 200 ms',
    });
    await admin.query('SELECT pg_advisory_unlock_all()');
  });

  it('says where it looked for the server', async () => {
    const gone = new URL(server.url);
    gone.port = '1';
    await expect(migrate(gone.href, notes)).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE' });
  });
});
