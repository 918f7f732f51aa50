import { type CelValue, isCelList, isCelMap } from '@bufbuild/cel';
import { FailedPrecondition } from '@q2/errors';
import { evaluationBudget } from './limits.js';

/** Characters of text that cost as much as one value. */
const charactersPerUnit = 8;

/** Work that may still be spent. One is shared by all expressions of a template. */
export class Budget {
  private left: number;

  constructor(private readonly units: number = evaluationBudget) {
    this.left = units;
  }

  /** @throws {FailedPrecondition} EXPRESSION_TOO_EXPENSIVE once the budget is spent, and at every call from then on */
  spend(units: number): void {
    this.left -= units;
    this.check();
  }

  /** @throws {FailedPrecondition} EXPRESSION_TOO_EXPENSIVE where the budget was spent before */
  check(): void {
    if (this.left >= 0) return;
    throw new FailedPrecondition('EXPRESSION_TOO_EXPENSIVE', `evaluation takes more than the ${this.units} steps allowed`, {
      allowedSteps: String(this.units),
    });
  }

  /** Pays for text by its length. */
  spendText(length: number): void {
    this.spend(length / charactersPerUnit);
  }

  /** Pays for a value and everything in it, and stops looking as soon as the budget is spent. Numbers and the like are free. */
  spendValue(value: CelValue): void {
    if (typeof value === 'string' || value instanceof Uint8Array) return this.spendText(value.length);
    if (isCelList(value)) this.spendElements(value);
    else if (isCelMap(value)) this.spendElements(value.values());
  }

  private spendElements(elements: Iterable<CelValue>): void {
    for (const element of elements) {
      this.spend(1);
      this.spendValue(element);
    }
  }
}

let current: Budget | undefined;

/** Runs work whose evaluation is paid from `budget`. Evaluation is synchronous, so one variable suffices. */
export function paidFrom<T>(budget: Budget, work: () => T): T {
  const outer = current;
  current = budget;
  try {
    return work();
  } finally {
    current = outer;
  }
}

/** The budget of the evaluation under way. */
export function currentBudget(): Budget {
  if (current === undefined) throw new Error('no evaluation is under way');
  return current;
}
