import type { Tx } from '@q2/database';
import { NotFound } from '@q2/errors';
import type { Plan } from './plan.js';

/** Columns of `plans` as {@link Plan} names them. */
export const planColumns = `plan_id as plan, display_name as "displayName", limits, revision, created_at as "createdAt", updated_at as "updatedAt"`;

/** @throws {NotFound} PLAN_NOT_FOUND */
export function getPlanRow(tx: Tx, plan: string): Promise<Plan> {
  return getOne(tx, plan, '');
}

/** Reads a plan and keeps others from changing it until the transaction ends. */
export function lockPlanRow(tx: Tx, plan: string): Promise<Plan> {
  return getOne(tx, plan, 'for update');
}

/** @throws {NotFound} PLAN_NOT_FOUND */
export async function checkPlanExists(tx: Tx, plan: string): Promise<void> {
  await getPlanRow(tx, plan);
}

async function getOne(tx: Tx, plan: string, lock: string): Promise<Plan> {
  const [row] = await tx.query<Plan>(`select ${planColumns} from plans where plan_id = $1 ${lock}`, [plan]);
  if (row) return row;
  throw new NotFound('PLAN_NOT_FOUND', `plans/${plan} does not exist`, { plan });
}
