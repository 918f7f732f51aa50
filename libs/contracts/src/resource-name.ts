import { InvalidArgument } from '@q2/errors';

/** The `{variables}` of a pattern, such as `'tenant' | 'model'` of `tenants/{tenant}/models/{model}`. */
type Variables<Pattern extends string> = Pattern extends `${string}{${infer Name}}${infer Rest}` ? Name | Variables<Rest> : never;

type NameParts<Pattern extends string> = { readonly [Name in Variables<Pattern>]: string };

/** One kind of resource name (AIP-122): writes and reads names of its pattern. */
export interface ResourceName<Pattern extends string> {
  readonly pattern: Pattern;
  format(parts: NameParts<Pattern>): string;
  /** @throws {InvalidArgument} naming `field` where `value` is not a name of this pattern */
  parse(value: string, field?: string): NameParts<Pattern>;
  matches(value: string): boolean;
}

const variable = /\{(\w+)\}/g;

/** What may stand for a variable: ids, semantic versions, file names. Never a slash. */
const segment = '[A-Za-z0-9][A-Za-z0-9._+~-]{0,254}';

/** Compiles a pattern of a resource name to the expression that reads it. */
export function resourceNameExpression(pattern: string): RegExp {
  const literal = (text: string) => text.replace(/[.*+?^$()|[\]\\]/g, '\\$&');
  const source = pattern
    .split(/(\{\w+\})/)
    .map((part) => (part.startsWith('{') ? `(?<${part.slice(1, -1)}>${part === '{tenant}' ? idSegment : segment})` : literal(part)))
    .join('');
  return new RegExp(`^${source}$`, 'u');
}

const idSegment = '[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?';

/** Declares a kind of resource name by its pattern. */
export function resourceName<const Pattern extends string>(pattern: Pattern): ResourceName<Pattern> {
  const expression = resourceNameExpression(pattern);
  return {
    pattern,
    format: (parts) => {
      const values = new Map<string, string>(Object.entries(parts));
      return pattern.replace(variable, (_, name: string) => values.get(name) ?? '');
    },
    parse: (value, field = 'name') => {
      const groups = expression.exec(value)?.groups;
      if (!isParts<Pattern>(groups)) throw InvalidArgument.field(field, `must have the form ${pattern}, got '${value}'`);
      return groups;
    },
    matches: (value) => expression.test(value),
  };
}

/** An expression built from a pattern has a group for each of its variables, so a match has all parts. */
function isParts<Pattern extends string>(groups: unknown): groups is NameParts<Pattern> {
  return groups !== undefined;
}
