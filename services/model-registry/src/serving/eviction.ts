import { ResourceExhausted } from '@q2/errors';

/** A model that takes memory, as eviction sees it. */
export interface Occupant {
  readonly key: string;
  readonly bytes: number;
  /** Position in the order of use: the lower, the longer ago. */
  readonly lastUse: number;
  /** Neither pinned nor in use, loading or leaving. */
  readonly isIdle: boolean;
}

/** What is asked for. */
export interface RoomRequest {
  readonly bytes: number;
  readonly limitBytes: number;
}

/**
 * Picks the models that have to leave so that `bytes` more fit within the limit: those used longest ago, and none of them
 * without need. Busy and pinned models stay.
 *
 * @throws {ResourceExhausted} MODEL_TOO_LARGE where it could never fit, MODEL_MEMORY_FULL where too much is busy or pinned
 */
export function planEviction(occupants: readonly Occupant[], { bytes, limitBytes }: RoomRequest): Occupant[] {
  if (bytes > limitBytes) {
    const message = `the model takes ${bytes} bytes, more than the ${limitBytes} bytes that this server gives to models`;
    throw new ResourceExhausted('MODEL_TOO_LARGE', message, { bytes: String(bytes), limitBytes: String(limitBytes) });
  }
  const missing = sum(occupants) + bytes - limitBytes;
  const leastRecent = occupants.filter(({ isIdle }) => isIdle).sort((one, other) => one.lastUse - other.lastUse);
  if (missing > sum(leastRecent)) throw memoryFull(missing, sum(leastRecent));
  return withoutSuperfluous(enough(leastRecent, missing), missing);
}

/** The shortest beginning that frees what is missing. */
function enough(leastRecent: readonly Occupant[], missing: number): Occupant[] {
  const chosen: Occupant[] = [];
  for (const occupant of leastRecent) {
    if (sum(chosen) >= missing) break;
    chosen.push(occupant);
  }
  return chosen;
}

/** Spares those that the rest frees enough without, the most recently used first: one large model may do for many small. */
function withoutSuperfluous(chosen: readonly Occupant[], missing: number): Occupant[] {
  return chosen.reduceRight(
    (kept: Occupant[], occupant) => {
      const rest = kept.filter((other) => other !== occupant);
      return sum(rest) >= missing ? rest : kept;
    },
    [...chosen],
  );
}

function sum(occupants: readonly Occupant[]): number {
  return occupants.reduce((total, { bytes }) => total + bytes, 0);
}

function memoryFull(missing: number, freeable: number): ResourceExhausted {
  const message = `${missing} bytes would have to be freed for the model, but only ${freeable} are neither pinned nor in use; try again later`;
  const metadata = { missingBytes: String(missing), freeableBytes: String(freeable) };
  return new ResourceExhausted('MODEL_MEMORY_FULL', message, metadata, { retryAfterMs: 1_000 });
}
