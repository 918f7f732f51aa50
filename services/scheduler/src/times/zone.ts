/** A stretch of time during which a zone's clocks keep one offset, with the offsets around it. */
export interface OffsetSegment {
  readonly startMs: number;
  readonly endMs: number;
  readonly offsetMs: number;
  readonly offsetBeforeMs: number;
  readonly offsetAfterMs: number;
}

/** No zone has changed its offset twice within a week since 1990, so changes are looked for in steps of half of that. */
const probeMs = 3 * 86_400_000;
const cachedYearsMax = 1024;
const formats = new Map<string, Intl.DateTimeFormat>();
const years = new Map<string, readonly OffsetSegment[]>();

/**
 * Offset of a zone's wall clock from UTC at an instant, in milliseconds; positive east of Greenwich.
 *
 * @throws {RangeError} where there is no such zone
 */
export function offsetAt(zone: string, instantMs: number): number {
  const shown = /GMT(?:([+-])(\d+):(\d+)(?::(\d+))?)?$/u.exec(formatOf(zone).format(instantMs));
  const [hours = 0, minutes = 0, seconds = 0] = shown?.slice(2).map((digits = '0') => Number(digits)) ?? [];
  const offsetMs = ((hours * 60 + minutes) * 60 + seconds) * 1000;
  return shown?.[1] === '-' ? -offsetMs : offsetMs;
}

/**
 * The segment that an instant lies in. Years are looked at one by one, so a segment ends at a year's end even where the
 * offset does not change there; its neighbours then have the same offset, and nothing is missing or comes twice.
 */
export function segmentAt(zone: string, instantMs: number): OffsetSegment {
  const segments = segmentsOfYear(zone, new Date(instantMs).getUTCFullYear());
  const segment = segments.find(({ endMs }) => endMs > instantMs);
  if (segment === undefined) throw new RangeError(`no segment of ${zone} holds ${instantMs}`);
  return segment;
}

function segmentsOfYear(zone: string, year: number): readonly OffsetSegment[] {
  const key = `${zone} ${year}`;
  const known = years.get(key);
  if (known !== undefined) return known;
  if (years.size >= cachedYearsMax) years.clear();
  const edges = findEdges(zone, Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1));
  const segments = edges.slice(1).map((endMs, index) => segmentBetween(zone, edges[index] ?? endMs, endMs));
  years.set(key, segments);
  return segments;
}

function segmentBetween(zone: string, startMs: number, endMs: number): OffsetSegment {
  return {
    startMs,
    endMs,
    offsetMs: offsetAt(zone, startMs),
    offsetBeforeMs: offsetAt(zone, startMs - 1),
    offsetAfterMs: offsetAt(zone, endMs),
  };
}

/** The start of a year, every instant at which the offset changes within it, and its end. */
function findEdges(zone: string, startMs: number, endMs: number): number[] {
  const edges = [startMs];
  let offset = offsetAt(zone, startMs);
  for (let at = startMs; at < endMs; at += probeMs) {
    const nextMs = Math.min(at + probeMs, endMs - 1000);
    const after = offsetAt(zone, nextMs);
    if (after !== offset) edges.push(changeBetween(zone, at, nextMs));
    offset = after;
  }
  edges.push(endMs);
  return edges;
}

/** The first second after which a zone has the offset that it has at `highMs` and not yet at `lowMs`. */
function changeBetween(zone: string, lowMs: number, highMs: number): number {
  const before = offsetAt(zone, lowMs);
  let [low, high] = [lowMs, highMs];
  while (high - low > 1000) {
    const middle = low + Math.floor((high - low) / 2000) * 1000;
    if (offsetAt(zone, middle) === before) low = middle;
    else high = middle;
  }
  return high;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, hour: 'numeric', timeZoneName: 'longOffset' });
  formats.set(zone, format);
  return format;
}
