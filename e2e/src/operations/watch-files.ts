import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';

const root = new URL('../../../', import.meta.url);

/** Reads a file of the repository. */
export function repositoryFile(path: string): Promise<string> {
  return readFile(new URL(path, root), 'utf8');
}

const rule = z.object({
  alert: z.string().optional(),
  record: z.string().optional(),
  expr: z.string(),
  labels: z.object({ severity: z.enum(['warning', 'critical']) }).optional(),
  annotations: z.object({ summary: z.string(), runbook_url: z.string() }).optional(),
});
export type Rule = z.infer<typeof rule>;

/** The rules that the platform brings for Prometheus. */
export async function alertRules(): Promise<Rule[]> {
  const schema = z.object({ groups: z.array(z.object({ name: z.string(), rules: z.array(rule) })) });
  const { groups } = schema.parse(parse(await repositoryFile('k8s/prometheus/q2-alerts.yaml')));
  return groups.flatMap(({ rules }) => rules);
}

const panel = z.object({
  id: z.number(),
  title: z.string(),
  type: z.string(),
  gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
  targets: z.array(z.object({ refId: z.string(), expr: z.string() })).default([]),
});
export type Panel = z.infer<typeof panel>;

/** The panels of the dashboard, and what fills its variables. */
export async function dashboard(): Promise<{ panels: Panel[]; variables: Map<string, string> }> {
  const variable = z.object({ name: z.string(), query: z.union([z.string(), z.object({ query: z.string() })]) });
  const schema = z.object({ uid: z.string(), panels: z.array(panel), templating: z.object({ list: z.array(variable) }) });
  const read = schema.parse(JSON.parse(await repositoryFile('k8s/grafana/q2-platform.json')));
  const textOf = ({ query }: z.infer<typeof variable>) => (typeof query === 'string' ? query : query.query);
  return { panels: read.panels, variables: new Map(read.templating.list.map((each) => [each.name, textOf(each)])) };
}

/** An expression of the dashboard as Prometheus gets it. */
export function filledIn(expression: string): string {
  return expression.replaceAll('$__rate_interval', '5m').replaceAll('$service', '.*');
}

/** Anchors of a page's headings, as they are on the web. */
export function anchorsOf(markdown: string): Set<string> {
  const headings = [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) => title);
  return new Set(
    headings.map((title) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}
