/** A metric as Prometheus reads it. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly ExposedSample[];
}

interface ExposedSample {
  /** With the suffix of a histogram's parts. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const header = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/;
const sampleLine = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(?:,|$)/y;

/**
 * Reads Prometheus's text format, version 0.0.4, strictly: each metric has help and type, before its samples, and no sample comes twice.
 *
 * @throws {Error} naming the line that is wrong
 */
export function readExposition(text: string): ReadonlyMap<string, Family> {
  const families = new Map<string, { name: string; help: string; type: string; samples: ExposedSample[] }>();
  const seen = new Set<string>();
  let current = '';
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, kind, name = '', rest = ''] = header.exec(line) ?? [];
    if (kind === 'HELP') {
      if (families.has(name)) throw new Error(`${name} is declared twice`);
      current = name;
      families.set(name, { name, help: rest, type: '', samples: [] });
      continue;
    }
    const family = families.get(current);
    if (family === undefined) throw new Error(`nothing declares: ${line}`);
    if (kind === 'TYPE') family.type = name === current ? rest : '';
    else family.samples.push(readSample(line, family, seen));
  }
  return families;
}

function readSample(line: string, family: { name: string; type: string }, seen: Set<string>): ExposedSample {
  const [, name = '', labelText = '', valueText = ''] = sampleLine.exec(line) ?? [];
  const value = Number(valueText.replace(/^([+-]?)Inf$/, '$1Infinity'));
  const suffixes = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : family.type === 'summary' ? ['', '_sum', '_count'] : [''];
  if (!suffixes.some((suffix) => name === `${family.name}${suffix}`)) throw new Error(`no sample of ${family.name}: ${line}`);
  if (Number.isNaN(value) && valueText !== 'Nan' && valueText !== 'NaN') throw new Error(`no number: ${line}`);
  const series = `${name}{${labelText}}`;
  if (seen.has(series)) throw new Error(`comes twice: ${line}`);
  seen.add(series);
  return { name, labels: readLabels(labelText, line), value };
}

function readLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  label.lastIndex = 0;
  while (label.lastIndex < text.length) {
    const at = label.lastIndex;
    const [, name, value] = label.exec(text) ?? [];
    if (name === undefined || value === undefined || name in labels) throw new Error(`labels are wrong at ${at}: ${line}`);
    labels[name] = value;
  }
  return labels;
}

/** What is wrong with a metric's name or help by Prometheus's naming rules (prometheus.io/docs/practices/naming). */
export function namingProblems({ name, help, type, samples }: Family): string[] {
  const problems: string[] = [];
  if (!/^[a-z][a-z0-9_]*$/.test(name)) problems.push('is not lower_snake_case');
  if ((type === 'counter') !== name.endsWith('_total'))
    problems.push(type === 'counter' ? 'is a counter without _total' : 'ends like a counter');
  if (type === 'histogram' && !/_(seconds|bytes)$/.test(name)) problems.push('is a histogram without its unit');
  if (/_(bucket|count|sum|info)$/.test(name)) problems.push('ends like a part of a histogram');
  if (/(^|_)(ms|millis|milliseconds|minutes|hours|kb|mb|percent)(_|$)/.test(name)) problems.push('is not in a base unit');
  if (/_(tenant_manager|model_registry|ab_testing|workflow_orchestrator|monitoring|scheduler)(_|$)/.test(name))
    problems.push('names a service');
  if (help.length < 5 || help.endsWith('.')) problems.push('has a poor help text');
  if (samples.some(({ labels }) => 'le' in labels && type !== 'histogram')) problems.push('uses the label le');
  return problems.map((problem) => `${name} ${problem}`);
}
