import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ServiceSchema } from './service-schema.js';
import { enableTenantIsolation } from './tenant-isolation.js';

/** A note: the smallest thing that a tenant can own. */
@Entity({ name: 'note' })
export class Note {
  @PrimaryColumn({ type: 'text', name: 'tenant_id' })
  tenantId: string = '';

  @PrimaryColumn({ type: 'text' })
  name: string = '';

  @Column({ type: 'text' })
  body: string = '';
}

export class CreateNotes1764000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE note (
      tenant_id text NOT NULL,
      name text NOT NULL,
      body text NOT NULL DEFAULT '',
      PRIMARY KEY (tenant_id, name)
    )`);
    await enableTenantIsolation(runner, 'note');
  }

  async down(): Promise<void> {
    throw new Error('forward only');
  }
}

/** Schema of the tests of this library. */
export const notes: ServiceSchema = { name: 'notes', entities: [Note], migrations: [CreateNotes1764000000000] };
