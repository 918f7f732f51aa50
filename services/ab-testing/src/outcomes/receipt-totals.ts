import type { Receipt } from './outcomes.service.js';
import type { Rejection } from './screening.js';

/** Rejections that are told one by one; the others are counted. */
const TOLD_REJECTIONS = 100;

/** Adds up what became of the batches of a stream. */
export class ReceiptTotals {
  private accepted = 0;
  private duplicates = 0;
  private rejected = 0;
  private readonly told: Rejection[] = [];

  add({ accepted, duplicates, rejections }: Receipt): void {
    this.accepted += accepted;
    this.duplicates += duplicates;
    this.rejected += rejections.length;
    this.told.push(...rejections.slice(0, TOLD_REJECTIONS - this.told.length));
  }

  /** The answer to the stream. */
  response() {
    return {
      acceptedCount: BigInt(this.accepted),
      duplicateCount: BigInt(this.duplicates),
      rejectedCount: BigInt(this.rejected),
      rejections: this.told,
    };
  }
}
