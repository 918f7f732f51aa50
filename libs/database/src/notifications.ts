import { Unavailable } from '@q2/errors';
import pg from 'pg';
import { connectFailure } from './connection-pool.js';
import type { ConnectionSettings } from './connection-settings.js';

type Listener = (payload: string) => void;

/** First and longest pause before a lost connection is tried again. */
const retryMs = { first: 50, longest: 5_000 };

/** LISTEN on one dedicated connection, shared by all channels, that comes back by itself. */
export class Notifications {
  private readonly listeners = new Map<string, Set<Listener>>();
  private connecting: Promise<pg.Client> | undefined;
  private turn: Promise<unknown> = Promise.resolve();
  private retryTimer: NodeJS.Timeout | undefined;
  private isClosed = false;

  constructor(
    private readonly name: string,
    private readonly settings: ConnectionSettings,
  ) {}

  /**
   * Calls `onNotify` for each notification. After the connection was away it is called once with an empty payload, as
   * notifications may have been missed.
   *
   * @throws {Unavailable} DATABASE_UNAVAILABLE where the server cannot be reached now, DATABASE_CLOSED after {@link close}
   */
  async listen(channel: string, onNotify: Listener): Promise<() => Promise<void>> {
    const client = await this.connection();
    await this.inTurn(client, `LISTEN ${pg.escapeIdentifier(channel)}`);
    const listeners = this.listeners.get(channel) ?? new Set();
    // A wrapper, so that the same function may listen twice and stop once.
    const listener: Listener = (payload) => {
      onNotify(payload);
    };
    this.listeners.set(channel, listeners.add(listener));
    return () => this.unlisten(channel, listener);
  }

  /** Ends the connection; nobody is called any more. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.listeners.clear();
    clearTimeout(this.retryTimer);
    const client = await this.connecting?.catch(() => undefined);
    await client?.end();
  }

  private async unlisten(channel: string, listener: Listener): Promise<void> {
    const listeners = this.listeners.get(channel);
    if (listeners?.delete(listener) !== true || listeners.size > 0) return;
    this.listeners.delete(channel);
    const client = await this.connecting?.catch(() => undefined);
    // A connection that is just breaking forgets its channels by itself.
    if (client) await this.inTurn(client, `UNLISTEN ${pg.escapeIdentifier(channel)}`).catch(() => undefined);
  }

  /** pg takes one statement at a time on a connection. */
  private inTurn(client: pg.Client, statement: string): Promise<unknown> {
    this.turn = this.turn.catch(() => undefined).then(() => client.query(statement));
    return this.turn;
  }

  private connection(): Promise<pg.Client> {
    if (this.isClosed)
      return Promise.reject(new Unavailable('DATABASE_CLOSED', `the database of ${this.name} is closed: this process is shutting down`));
    this.connecting ??= this.connect();
    return this.connecting;
  }

  private async connect(): Promise<pg.Client> {
    const client = new pg.Client({ ...this.settings, application_name: `q2 ${this.name} listen` });
    client.on('error', () => undefined);
    client.on('notification', ({ channel, payload = '' }) => {
      this.listeners.get(channel)?.forEach((listener) => {
        listener(payload);
      });
    });
    try {
      await client.connect();
    } catch (error) {
      this.connecting = undefined;
      throw connectFailure(error, this.settings);
    }
    client.once('end', () => {
      this.connecting = undefined;
      this.scheduleReconnect(retryMs.first);
    });
    return client;
  }

  private scheduleReconnect(afterMs: number): void {
    clearTimeout(this.retryTimer);
    if (this.isClosed || this.listeners.size === 0) return;
    this.retryTimer = setTimeout(() => void this.reconnect(afterMs), afterMs);
  }

  private async reconnect(afterMs: number): Promise<void> {
    try {
      const client = await this.connection();
      for (const channel of this.listeners.keys()) await this.inTurn(client, `LISTEN ${pg.escapeIdentifier(channel)}`);
      this.listeners.forEach((listeners) => {
        listeners.forEach((listener) => {
          listener('');
        });
      });
    } catch {
      this.scheduleReconnect(Math.min(afterMs * 2, retryMs.longest));
    }
  }
}
