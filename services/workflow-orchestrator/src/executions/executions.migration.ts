import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Finds the executions that have not ended without reading those that have, which soon are nearly all. */
export class IndexOpenExecutions1764900000000 implements MigrationInterface {
  readonly name = 'IndexOpenExecutions1764900000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('create index execution_open on execution (tenant_id) where ended_at is null');
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}
