// Writes docs/errors.md from the source: every reason that an error may carry. `--check` only tells whether the page is current.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const page = 'docs/errors.md';
const codes = {
  NotFound: 'NOT_FOUND',
  AlreadyExists: 'ALREADY_EXISTS',
  FailedPrecondition: 'FAILED_PRECONDITION',
  PermissionDenied: 'PERMISSION_DENIED',
  Unauthenticated: 'UNAUTHENTICATED',
  Aborted: 'ABORTED',
  OutOfRange: 'OUT_OF_RANGE',
  DeadlineExceeded: 'DEADLINE_EXCEEDED',
  ResourceExhausted: 'RESOURCE_EXHAUSTED',
  Unavailable: 'UNAVAILABLE',
};
const thrown = new RegExp(`new (${Object.keys(codes).join('|')})\\(\\s*'([A-Z][A-Z0-9_]*)',\\s*(?:'([^'\\n]*)'|\`([^\`]*)\`)?`, 'g');
const isSource = (name) => name.endsWith('.ts') && !/\.(spec|integration|testing|contract|bench)\.ts$/.test(name);

/** Source files of a library or service, tests left out. */
function sourcesOf(folder) {
  return readdirSync(join(folder, 'src'), { recursive: true })
    .sort()
    .filter((name) => isSource(name) && !/(^|\/)(gen|testing|contract)\//.test(name))
    .map((name) => join(folder, 'src', name));
}

/** Values in a sentence are shown as `…`. */
function sentenceOf(text = '') {
  let sentence = text;
  for (let before = ''; before !== sentence;) [before, sentence] = [sentence, sentence.replace(/\$\{[^{}]*\}/g, '…')];
  // A value may hold a template of its own, at which the sentence was cut off.
  sentence = sentence.replace(/\$\{.*$/s, '…');
  return sentence.replaceAll('|', '\\|').replace(/\s+/g, ' ').trim();
}

/** The sentence of a `message` that was put together just before the error. */
function messageBefore(source, index) {
  const before = source.slice(Math.max(0, index - 500), index);
  return [...before.matchAll(/const message =\s*(?:'([^'\n]*)'|`([^`]*)`)/g)].map(([, plain, template]) => plain ?? template).at(-1);
}

function errorsIn(file, folder) {
  const source = readFileSync(file, 'utf8');
  return [...source.matchAll(thrown)].map((found) => {
    const [all, name, reason, plain, template] = found;
    const isNamed = source.startsWith('message', found.index + all.length);
    const text = isNamed ? messageBefore(source, found.index) : (plain ?? template);
    return { reason, code: codes[name], folder, sentence: sentenceOf(text) };
  });
}

const errorsOf = (folder) => sourcesOf(folder).flatMap((file) => errorsIn(file, folder));

/** One row for each reason; the first sentence found stands for all. */
function rows() {
  const folders = ['libs', 'services'].flatMap((parent) =>
    readdirSync(parent)
      .sort()
      .map((name) => join(parent, name)),
  );
  const byReason = new Map();
  for (const error of folders.filter((folder) => folder !== join('libs', 'testing')).flatMap(errorsOf)) {
    const known = byReason.get(error.reason);
    byReason.set(error.reason, known?.sentence ? known : error);
  }
  const sorted = [...byReason.values()].sort((a, b) => (a.reason < b.reason ? -1 : 1));
  return sorted.map(({ reason, code, folder, sentence }) => [`\`${reason}\``, `\`${code}\``, folder.split('/').at(-1), sentence || '–']);
}

/** A Markdown table with columns as wide as their widest cell, as the formatter wants it. */
function table(head, body) {
  const widths = head.map((title, column) => Math.max(...[title, ...body.map((cells) => cells[column])].map(({ length }) => length)));
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}

const content = `# Errors

Every reason that an error may carry (\`google.rpc.ErrorInfo\`, domain \`q2\`), with its gRPC code and what it says; \`…\` stands for a value.
Besides these: \`INVALID_FIELDS\` (\`INVALID_ARGUMENT\`) names each wrong field in \`google.rpc.BadRequest\`, and \`INTERNAL\` carries a
\`correlation_id\`. What to do about a code is in [guides/teams.md](guides/teams.md).

This page is made from the source: \`node .scripts/errors-page.mjs\`.

${table(['reason', 'code', 'from', 'says'], rows())}
`;

if (!process.argv.includes('--check')) writeFileSync(page, content);
else if (readFileSync(page, 'utf8') !== content) {
  console.error(`${page} is not what the source says; run: node .scripts/errors-page.mjs`);
  process.exitCode = 1;
}
