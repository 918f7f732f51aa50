import { encodePage } from '@q2/service-kit';

/** The token of the page after `found`; empty where the page was not full. */
export function nextToken<Row>(found: readonly Row[], limit: number, cursorOf: (last: Row) => string): string {
  const last = found.at(-1);
  return last === undefined || found.length < limit ? '' : encodePage(cursorOf(last));
}
