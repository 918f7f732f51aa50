import { InvalidArgument } from '@q2/errors';
import { Budget } from './budget.js';
import { compileExpression } from './expression.js';
import { isJsonObject, type JsonObject, type JsonValue } from './json.js';
import { maxTemplateDepth } from './limits.js';

/** A piece of a template's text: as it stands, or an expression. */
type Part = { readonly text: string } | { readonly source: string };

/** An expression within a template. */
export interface TemplateExpression {
  /** Where: `.customer.names[2]`; empty for the template itself. */
  readonly path: string;
  readonly source: string;
}

const open = '${';

/**
 * Puts values in the place of `${…}` in all strings of a JSON value. Keys stay as they are. A string that is one expression
 * only takes the expression's value with its type; within other text, null becomes nothing, and lists and objects become
 * JSON. `$${` stands for `${` itself.
 *
 * @throws {InvalidArgument} where an expression does not compile or is not closed
 * @throws {FailedPrecondition} where one cannot be evaluated
 */
export function renderTemplate(template: JsonValue, variables: JsonObject): JsonValue {
  const budget = new Budget();
  return mapText(template, '', (text) => renderText(text, variables, budget));
}

/**
 * The expressions of a template with their places, for checks ahead of time.
 *
 * @throws {InvalidArgument} where one is not closed
 */
export function templateExpressions(template: JsonValue): readonly TemplateExpression[] {
  const found: TemplateExpression[] = [];
  mapText(template, '', (text, path) => {
    for (const part of splitText(text)) if ('source' in part) found.push({ path, source: part.source });
    return null;
  });
  return found;
}

/** A JSON value with each of its strings replaced. */
function mapText(value: JsonValue, path: string, replace: (text: string, path: string) => JsonValue, depth = 1): JsonValue {
  if (depth > maxTemplateDepth) throw InvalidArgument.field('template', `nests deeper than the ${maxTemplateDepth} levels allowed`);
  if (typeof value === 'string') return replace(value, path);
  if (isJsonObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, mapText(child, `${path}.${key}`, replace, depth + 1)]));
  }
  if (typeof value === 'object' && value !== null)
    return value.map((child, index) => mapText(child, `${path}[${index}]`, replace, depth + 1));
  return value;
}

function renderText(text: string, variables: JsonObject, budget: Budget): JsonValue {
  const parts = splitText(text);
  const values = parts.map((part) => ('text' in part ? part.text : compileExpression(part.source).evaluate(variables, budget)));
  const [only] = values;
  if (values.length === 1 && only !== undefined) return only;
  return values.map(asText).join('');
}

function asText(value: JsonValue): string {
  if (value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Cuts text at its expressions. */
function splitText(text: string): readonly Part[] {
  const parts: Part[] = [];
  let literal = '';
  let at = 0;
  while (at < text.length) {
    const next = text.indexOf(open, at);
    if (next < 0) break;
    if (text[next - 1] === '$' && next > at) {
      literal += text.slice(at, next - 1) + open;
      at = next + open.length;
      continue;
    }
    literal += text.slice(at, next);
    const end = closingBrace(text, next + open.length);
    if (literal !== '') parts.push({ text: literal });
    parts.push({ source: text.slice(next + open.length, end) });
    literal = '';
    at = end + 1;
  }
  literal += text.slice(at);
  return literal === '' && parts.length > 0 ? parts : [...parts, { text: literal }];
}

/** Where the expression that begins at `start` ends: braces within it nest, those in its string literals don't count. */
function closingBrace(text: string, start: number): number {
  let depth = 1;
  let quote: string | undefined;
  for (let at = start; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (quote !== undefined) {
      if (character === '\\') at += 1;
      else if (character === quote) quote = undefined;
    } else if (character === "'" || character === '"') quote = character;
    else if (character === '{') depth += 1;
    else if (character === '}') depth -= 1;
    if (depth === 0) return at;
  }
  throw InvalidArgument.field(
    'template',
    `'${open}' is not closed by '}' in '${text.slice(0, 200)}'; write '$${open}' for the characters themselves`,
  );
}
