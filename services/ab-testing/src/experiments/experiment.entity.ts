import { Column, Entity, PrimaryColumn } from 'typeorm';
import { jsonText } from './json-text.js';
import type { StateName } from './lifecycle.js';

/** An experiment: what its author decided, as JSON of the contract, and where it is in its life. */
@Entity('experiments')
export class ExperimentRow {
  @PrimaryColumn({ name: 'tenant_id', type: 'text' }) tenantId = '';
  @PrimaryColumn({ type: 'text' }) id = '';
  @Column({ type: 'text' }) state: StateName = 'DRAFT';
  @Column({ type: 'jsonb', transformer: jsonText }) definition = '{}';
  /** Empty where nothing won. */
  @Column({ name: 'winner_variant', type: 'text' }) winnerVariant = '';
  /** Counts the changes of the experiment itself; its etag. */
  @Column({ type: 'integer' }) revision = 1;
  /** Data came since the last analysis. */
  @Column({ name: 'has_new_data', type: 'boolean' }) hasNewData = false;
  @Column({ name: 'created_at', type: 'timestamptz' }) createdAt = new Date(0);
  @Column({ name: 'updated_at', type: 'timestamptz' }) updatedAt = new Date(0);
  @Column({ name: 'started_at', type: 'timestamptz', nullable: true }) startedAt: Date | null = null;
  @Column({ name: 'ended_at', type: 'timestamptz', nullable: true }) endedAt: Date | null = null;
}
