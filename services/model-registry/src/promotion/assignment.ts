/** What moved an alias. */
export type AssignmentCause = 'PROMOTION' | 'ROLLBACK' | 'ALIAS';

/** One move of an alias of a model. */
export interface Assignment {
  /** 1, 2, 3, … within the model, without gaps. */
  readonly sequence: number;
  readonly alias: string;
  /** Undefined where the alias was new. */
  readonly fromVersion: string | undefined;
  readonly toVersion: string;
  readonly cause: AssignmentCause;
  readonly principal: string;
  readonly reason: string;
  readonly createdAt: Date;
}

/** The alias that a model's production version has. */
export const productionAlias = 'production';
