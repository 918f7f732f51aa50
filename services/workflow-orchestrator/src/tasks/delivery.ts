/** How often a task is given out before its attempt counts as failed: it may be what kills those who take it. */
export const maxDeliveries = 10;

/** The failure of a task that was given out too often. */
export const lostTask = {
  reason: 'TASK_LOST',
  message: `no one finished the task in ${maxDeliveries} deliveries`,
  isFinal: false,
} as const;

/** Time before a task that could not be done for now is given out again, in milliseconds: 250 doubled each time, at most 30,000. */
export function redeliveryDelayMs(deliveries: number): number {
  return Math.min(30_000, 250 * 2 ** (deliveries - 1));
}
