// Writes the chart's README anew from the comments in its values: node .scripts/chart-page.mjs [--check]
import { readFileSync, writeFileSync } from 'node:fs';

const chart = 'helm/q2-platform';
const page = `${chart}/README.md`;
const described = /^(\s*)# -- (.*)$/;
const entry = /^(\s*)([\w.-]+):(?:\s+(.*))?$/;

/** Each described value: its path, its default as it is written, what it means. */
function valuesOf(text) {
  const rows = [];
  const path = [];
  let meaning;
  for (const line of text.split('\n')) {
    const [, , comment] = described.exec(line) ?? [];
    if (comment !== undefined) {
      meaning = comment;
      continue;
    }
    const [, indent, key, value] = entry.exec(line) ?? [];
    if (key === undefined) continue;
    path.length = indent.length / 2;
    path.push(key.includes('-') ? `"${key}"` : key);
    if (meaning !== undefined) rows.push({ path: path.join('.'), value: value ?? 'see values.yaml', meaning });
    else if (value !== undefined && !line.includes('- ')) throw new Error(`values.yaml: ${path.join('.')} has no '# -- …' above it`);
    meaning = undefined;
  }
  return rows;
}

/** A Markdown table with columns as wide as their widest cell, as the formatter wants it. */
function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((cells) => cells[column].length)));
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [line(rows[0]), line(widths.map((width) => '-'.repeat(width))), ...rows.slice(1).map(line)].join('\n');
}

/** What people wrote stands above the table, and stays. */
const marker = '## Values\n';
const written = readFileSync(page, 'utf8');
const rows = valuesOf(readFileSync(`${chart}/values.yaml`, 'utf8'));
const cells = rows.map(({ path, value, meaning }) => [
  `\`${path}\``,
  value === 'see values.yaml' ? value : `\`${value}\``,
  meaning.replaceAll('|', '\\|'),
]);
const text = `${written.split(marker)[0]}${marker}\n${table([['value', 'default', 'meaning'], ...cells])}\n`;

if (!process.argv.includes('--check')) writeFileSync(page, text);
else if (written !== text) {
  console.log(`${page} is stale; run: node .scripts/chart-page.mjs`);
  process.exitCode = 1;
}
