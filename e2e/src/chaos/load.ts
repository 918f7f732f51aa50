import { setTimeout as sleep } from 'node:timers/promises';
import type { Journey } from './journey.js';
import type { Verdict } from './verdict.js';

/** Takes journeys step by step, side by side, until told to end. */
export class Load {
  readonly failures: string[] = [];
  private isEnding = false;
  private steps = 0;
  private running: Promise<unknown> = Promise.resolve();

  /** @param pauseMs between two steps of a journey */
  constructor(
    private readonly journeys: readonly Journey[],
    private readonly pauseMs: number,
  ) {}

  get stepsTaken(): number {
    return this.steps;
  }

  /** Prepares all journeys and sets out on them. */
  async start(): Promise<void> {
    await Promise.all(this.journeys.map((journey) => journey.prepare()));
    this.running = Promise.all(this.journeys.map((journey) => this.travel(journey)));
  }

  /** Ends each journey after the step in hand. */
  async end(): Promise<void> {
    this.isEnding = true;
    await this.running;
  }

  /** Ends what journeys have set going. */
  async conclude(): Promise<void> {
    await Promise.all(this.journeys.map((journey) => journey.conclude()));
  }

  /** One more step of each journey, which none may fail. */
  async stepOnce(): Promise<Verdict> {
    const before = this.failures.length;
    const number = this.steps + 1_000_000;
    await Promise.all(this.journeys.map((journey) => this.step(journey, number)));
    return { claim: 'every call after healing succeeds', checked: this.journeys.length, violations: this.failures.slice(before) };
  }

  async verdicts(): Promise<Verdict[]> {
    const verdicts: Verdict[] = [];
    for (const journey of this.journeys) verdicts.push(...(await journey.verdicts()));
    return verdicts;
  }

  private async travel(journey: Journey): Promise<void> {
    for (let number = 1; !this.isEnding; number += 1) {
      await this.step(journey, number);
      await sleep(this.pauseMs);
    }
  }

  private async step(journey: Journey, number: number): Promise<void> {
    this.steps += 1;
    try {
      await journey.step(number);
    } catch (error) {
      this.failures.push(`${journey.name} ${String(number)}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
