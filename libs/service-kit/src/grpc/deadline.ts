import { DeadlineExceeded } from '@q2/errors';

/** Longest time for a unary call whose caller set no deadline. */
const defaultDeadlineMs = 60_000;

/**
 * Ends the wait for a call when its deadline passes. The work itself is told by the call's signal.
 *
 * @throws {DeadlineExceeded} DEADLINE_EXCEEDED
 */
export async function withinDeadline<T>(deadlineAt: Date | undefined, work: () => Promise<T>): Promise<T> {
  const leftMs = deadlineAt ? deadlineAt.getTime() - Date.now() : defaultDeadlineMs;
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineExceeded('DEADLINE_EXCEEDED', 'the deadline of the call has passed')), Math.max(0, leftMs));
  });
  try {
    return await Promise.race([work(), passed]);
  } finally {
    clearTimeout(timer);
  }
}
