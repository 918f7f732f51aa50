import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Comparison, NoDataPolicy } from '../alerts/alert-rule.js';
import type { Aggregation } from '../metrics/range.js';
import type { LabelMatcher, Labels } from '../metrics/series.js';
import type { MonitorSettings } from './monitor.js';

/** A monitor, when it is due, and who evaluates it now. */
@Entity('monitors')
export class MonitorRow implements MonitorSettings {
  @PrimaryColumn({ name: 'tenant_id', type: 'text' }) tenantId = '';
  @PrimaryColumn({ type: 'text' }) id = '';
  @Column({ name: 'display_name', type: 'text' }) displayName = '';
  @Column({ type: 'text' }) target = '';
  @Column({ type: 'text' }) metric = '';
  @Column({ type: 'jsonb' }) matchers: readonly LabelMatcher[] = [];
  @Column({ name: 'group_by', type: 'jsonb' }) groupBy: readonly string[] = [];
  @Column({ type: 'text' }) aggregation: Aggregation = 'AVERAGE';
  @Column({ name: 'window_ms', type: 'integer' }) windowMs = 0;
  @Column({ type: 'text' }) comparison: Comparison = 'GREATER';
  @Column({ type: 'double precision', nullable: true }) warning: number | null = null;
  @Column({ type: 'double precision', nullable: true }) critical: number | null = null;
  @Column({ type: 'double precision', nullable: true }) clear: number | null = null;
  @Column({ name: 'pending_ms', type: 'integer' }) pendingMs = 0;
  @Column({ name: 'keep_firing_ms', type: 'integer' }) keepFiringMs = 0;
  @Column({ name: 'minimum_samples', type: 'integer' }) minimumSamples = 1;
  @Column({ name: 'no_data', type: 'text' }) noData: NoDataPolicy = 'KEEP';
  @Column({ name: 'interval_ms', type: 'integer' }) intervalMs = 0;
  @Column({ type: 'jsonb' }) labels: Labels = {};
  @Column({ name: 'created_at', type: 'timestamptz' }) createdAt = new Date(0);
  @Column({ name: 'updated_at', type: 'timestamptz' }) updatedAt = new Date(0);
  /** Counts the changes made by callers. */
  @Column({ type: 'integer' }) revision = 1;
  @Column({ name: 'due_at', type: 'timestamptz' }) dueAt = new Date(0);
  /** Fences the evaluation in hand: only who holds the token may write its outcome. */
  @Column({ name: 'lease_token', type: 'uuid', nullable: true }) leaseToken: string | null = null;
  @Column({ name: 'lease_until', type: 'timestamptz', nullable: true }) leaseUntil: Date | null = null;
  @Column({ name: 'evaluated_at', type: 'timestamptz', nullable: true }) evaluatedAt: Date | null = null;
  @Column({ name: 'evaluate_error', type: 'text' }) evaluateError = '';
}
