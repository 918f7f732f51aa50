import type { SyntaxNode, Tree } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

/** What an expression reads. */
export interface Reads {
  /** Metrics, each with the labels that it is selected by. */
  readonly selectors: readonly { readonly metric: string; readonly labels: readonly string[] }[];
  /** Labels that results are grouped or matched by. */
  readonly groupedBy: readonly string[];
}

/**
 * Reads a PromQL expression by Prometheus's own grammar.
 *
 * @throws {Error} where it is none
 */
export function readExpression(expression: string): Reads {
  const tree: Tree = parser.parse(expression);
  const selectors: { metric: string; labels: string[] }[] = [];
  const groupedBy: string[] = [];
  const text = ({ from, to }: { from: number; to: number }) => expression.slice(from, to);
  tree.iterate({
    enter: ({ type, node, from }) => {
      if (type.isError) throw new Error(`no PromQL at ${from}: ${expression}`);
      if (type.name === 'VectorSelector') selectors.push(readSelector(node, text));
      if (type.name === 'GroupingLabels') groupedBy.push(...node.getChildren('LabelName').map(text));
    },
  });
  return { selectors, groupedBy };
}

function readSelector(node: SyntaxNode, text: (node: SyntaxNode) => string): { metric: string; labels: string[] } {
  const name = node.getChild('Identifier');
  const matchers = node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? [];
  const labels = matchers.flatMap((matcher) => matcher.getChildren('LabelName').map(text));
  return { metric: name === null ? '' : text(name), labels };
}
