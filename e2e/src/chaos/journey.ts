import type { ServiceClients } from '@q2/service-kit';
import type { Requests } from './requests.js';
import type { Verdict } from './verdict.js';

/** A tenant under load. */
export interface LoadedTenant {
  /** Resource name. */
  readonly name: string;
  /** Clients with the tenant's own key. */
  readonly clients: ServiceClients;
  requests(sequence: string): Requests;
}

/** One kind of traffic of one tenant: what it asks for step by step, and how it finds again what was acknowledged. */
export interface Journey {
  readonly name: string;
  /** Creates what the steps work on. */
  prepare(): Promise<void>;
  /** The next requests, one after the other. */
  step(number: number): Promise<void>;
  /** Ends what goes on by itself. */
  conclude(): Promise<void>;
  /** Compares what the platform tells with what was acknowledged. */
  verdicts(): Promise<Verdict[]>;
}

/** A page of a list. */
interface Page<T> {
  readonly items: readonly T[];
  readonly nextPageToken: string;
}

/** Reads all pages of a list. */
export async function allPages<T>(read: (pageToken: string) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  for (let pageToken = ''; ;) {
    const page = await read(pageToken);
    items.push(...page.items);
    if (page.nextPageToken === '') return items;
    pageToken = page.nextPageToken;
  }
}

/** Asks until what is there is as expected, at most for a minute, and gives the last answer. */
export async function settled<T>(read: () => Promise<T>, isSettled: (value: T) => boolean, limitMs = 60_000): Promise<T> {
  const giveUpAt = Date.now() + limitMs;
  for (;;) {
    const value = await read();
    if (isSettled(value) || Date.now() > giveUpAt) return value;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
