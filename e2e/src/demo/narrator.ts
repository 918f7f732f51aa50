import { stdout } from 'node:process';

const bold = (text: string) => (stdout.isTTY ? `\u001b[1m${text}\u001b[0m` : text);
const faint = (text: string) => (stdout.isTTY ? `\u001b[2m${text}\u001b[0m` : text);

/** Tells what happens as it happens. */
export class Narrator {
  private steps = 0;

  step(title: string): void {
    this.steps += 1;
    console.log(`\n${bold(`${String(this.steps).padStart(2)}  ${title}`)}`);
  }

  say(text: string): void {
    console.log(`    ${text}`);
  }

  aside(text: string): void {
    console.log(faint(`    ${text}`));
  }

  /** Rows in columns as wide as their widest cell. */
  table(rows: readonly (readonly string[])[]): void {
    const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
    for (const row of rows)
      this.say(
        row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd(),
      );
  }
}
