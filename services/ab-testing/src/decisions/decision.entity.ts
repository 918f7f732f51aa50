import { Column, Entity, PrimaryColumn } from 'typeorm';
import { jsonText } from '../experiments/json-text.js';

/** How an experiment ended, with the figures it rests on as JSON of the contract. Never changed. */
@Entity('decisions')
export class DecisionRow {
  @PrimaryColumn({ name: 'tenant_id', type: 'text' }) tenantId = '';
  @PrimaryColumn({ name: 'experiment_id', type: 'text' }) experimentId = '';
  @PrimaryColumn({ type: 'uuid' }) id = '';
  @Column({ type: 'text' }) kind: 'CONCLUDED' | 'ROLLED_BACK' = 'CONCLUDED';
  @Column({ name: 'decided_by', type: 'text' }) decidedBy = '';
  @Column({ name: 'winner_variant', type: 'text' }) winnerVariant = '';
  @Column({ type: 'jsonb', transformer: jsonText }) evidence = '{}';
  @Column({ name: 'decided_at', type: 'timestamptz' }) decidedAt = new Date(0);
}
