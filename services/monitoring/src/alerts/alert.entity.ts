import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Labels } from '../metrics/series.js';
import type { Severity } from './alert-rule.js';

/** Where an alert is in its life. */
export const alertStates = ['PENDING', 'FIRING', 'ACKNOWLEDGED', 'RESOLVED'] as const;
export type AlertState = (typeof alertStates)[number];

/** One problem with its timers: at most one that is not resolved for each monitor and group. */
@Entity('alerts')
export class AlertRow {
  @PrimaryColumn({ name: 'tenant_id', type: 'text' }) tenantId = '';
  @PrimaryColumn({ type: 'uuid' }) id = '';
  @Column({ name: 'monitor_id', type: 'text' }) monitorId = '';
  /** What tells the groups of a monitor apart. */
  @Column({ type: 'text' }) fingerprint = '';
  @Column({ name: 'group_labels', type: 'jsonb' }) groupLabels: Labels = {};
  @Column({ type: 'text' }) target = '';
  @Column({ type: 'text' }) metric = '';
  @Column({ type: 'jsonb' }) labels: Labels = {};
  @Column({ type: 'text' }) state: AlertState = 'PENDING';
  @Column({ type: 'text' }) severity: Severity = 'WARNING';
  @Column({ type: 'double precision', nullable: true }) value: number | null = null;
  @Column({ type: 'double precision' }) threshold = 0;
  @Column({ type: 'integer' }) points = 0;
  @Column({ type: 'text' }) summary = '';
  @Column({ name: 'pending_at', type: 'timestamptz' }) pendingAt = new Date(0);
  @Column({ name: 'fired_at', type: 'timestamptz', nullable: true }) firedAt: Date | null = null;
  @Column({ name: 'warning_since', type: 'timestamptz', nullable: true }) warningSince: Date | null = null;
  @Column({ name: 'critical_since', type: 'timestamptz', nullable: true }) criticalSince: Date | null = null;
  @Column({ name: 'below_since', type: 'timestamptz', nullable: true }) belowSince: Date | null = null;
  @Column({ name: 'clear_since', type: 'timestamptz', nullable: true }) clearSince: Date | null = null;
  @Column({ name: 'evaluated_at', type: 'timestamptz' }) evaluatedAt = new Date(0);
  @Column({ name: 'acknowledged_at', type: 'timestamptz', nullable: true }) acknowledgedAt: Date | null = null;
  @Column({ name: 'acknowledged_by', type: 'text' }) acknowledgedBy = '';
  @Column({ name: 'resolved_at', type: 'timestamptz', nullable: true }) resolvedAt: Date | null = null;
  /** Empty where the value recovered by itself. */
  @Column({ name: 'resolved_by', type: 'text' }) resolvedBy = '';
  @Column({ type: 'text' }) comment = '';
  /** Counts the changes that watchers are told of. */
  @Column({ type: 'integer' }) revision = 1;
  @Column({ name: 'updated_at', type: 'timestamptz' }) updatedAt = new Date(0);
}
