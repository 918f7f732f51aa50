/** What was claimed, how much of it was looked at, and where it was not so. */
export interface Verdict {
  readonly claim: string;
  readonly checked: number;
  readonly violations: readonly string[];
}

/** Each expected key is there exactly once, and nothing else is. */
export function exactlyOnce(claim: string, expected: readonly string[], found: readonly string[]): Verdict {
  const counts = new Map<string, number>();
  for (const key of found) counts.set(key, (counts.get(key) ?? 0) + 1);
  const wanted = new Set(expected);
  const missing = [...wanted].filter((key) => !counts.has(key)).map((key) => `${key} is lost`);
  const doubled = [...counts].filter(([, count]) => count > 1).map(([key, count]) => `${key} is there ${String(count)} times`);
  const unknown = [...counts.keys()].filter((key) => !wanted.has(key)).map((key) => `${key} was never asked for`);
  return { claim, checked: wanted.size, violations: [...missing, ...doubled, ...unknown] };
}

/** Each key that was acknowledged with a content has that content. */
export function sameContent(claim: string, expected: ReadonlyMap<string, string>, found: ReadonlyMap<string, string>): Verdict {
  const violations = [...expected].flatMap(([key, content]) => {
    const actual = found.get(key);
    return actual === content ? [] : [`${key} is ${actual ?? 'lost'} instead of ${content}`];
  });
  return { claim, checked: expected.size, violations };
}

/** Keys that were acknowledged one after the other come in that order, whatever else comes between. */
export function inOrder(claim: string, acknowledged: readonly string[], found: readonly string[]): Verdict {
  const places = new Map(found.map((key, place) => [key, place]));
  const violations: string[] = [];
  let last = { key: '', place: -1 };
  for (const key of acknowledged) {
    const place = places.get(key);
    if (place === undefined) continue;
    if (place < last.place) violations.push(`${key} comes before ${last.key}`);
    else last = { key, place };
  }
  return { claim, checked: acknowledged.length, violations };
}

/** None of these is left. */
export function nothingLeft(claim: string, counts: Readonly<Record<string, number>>): Verdict {
  const left = Object.entries(counts).filter(([, count]) => count !== 0);
  return { claim, checked: Object.keys(counts).length, violations: left.map(([name, count]) => `${name}: ${String(count)}`) };
}

/** Puts verdicts on the same claim together. */
export function merged(verdicts: readonly Verdict[]): Verdict[] {
  return [...Map.groupBy(verdicts, ({ claim }) => claim)].map(([claim, same]) => ({
    claim,
    checked: same.reduce((sum, { checked }) => sum + checked, 0),
    violations: same.flatMap(({ violations }) => violations),
  }));
}

/** Rows of the table that a run ends with. */
export function verdictRows(verdicts: readonly Verdict[]): string[][] {
  const row = ({ claim, checked, violations }: Verdict) => [
    violations.length === 0 && checked > 0 ? 'holds' : 'BROKEN',
    claim,
    String(checked),
    String(violations.length),
  ];
  return [['verdict', 'claim', 'checked', 'violations'], ...verdicts.map(row)];
}

/** Whether every claim holds; one that nothing was checked for does not. */
export function allHold(verdicts: readonly Verdict[]): boolean {
  return verdicts.length > 0 && verdicts.every(({ checked, violations }) => checked > 0 && violations.length === 0);
}
