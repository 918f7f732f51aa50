/** A page, and the token of the next; empty on the last. */
export interface Page<T> {
  readonly items: T[];
  readonly nextPageToken: string;
}

/**
 * Makes a page of what was found.
 *
 * @param found   one more than `size` where there is a next page
 * @param tokenOf the token of the page after an item
 */
export function pageOf<T>(found: readonly T[], size: number, tokenOf: (item: T) => string): Page<T> {
  const items = found.slice(0, size);
  const last = items.at(-1);
  return { items, nextPageToken: found.length > size && last !== undefined ? tokenOf(last) : '' };
}
