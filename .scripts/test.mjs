// Runs all tests and ends with one line: `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';

const results = '.cache/jest-results.json';
mkdirSync('.cache', { recursive: true });
const coverage = 'coverage/coverage-summary.json';
rmSync(results, { force: true });
rmSync(coverage, { force: true });

const args = [
  '--experimental-vm-modules',
  '--no-warnings',
  'node_modules/jest/bin/jest.js',
  '--config',
  'jest.config.mjs',
  '--json',
  `--outputFile=${results}`,
  ...process.argv.slice(2),
];
// With --json jest writes its results to standard output too; the report for people goes to standard error.
const jest = spawnSync(process.execPath, args, { stdio: ['inherit', 'ignore', 'inherit'] });

const outcome = existsSync(results) ? JSON.parse(readFileSync(results, 'utf8')) : undefined;
const failedFiles = outcome?.testResults.filter((file) => file.status === 'failed').map((file) => file.name) ?? [];
for (const file of failedFiles) console.log(`failed: ${file}`);
if (existsSync(coverage)) {
  const { lines, branches } = JSON.parse(readFileSync(coverage, 'utf8')).total;
  console.log(`coverage: ${lines.pct} % of lines, ${branches.pct} % of branches`);
}
if (outcome?.success && jest.status !== 0) console.log('failed: coverage is below its threshold; see the report above');
const failed = (outcome?.numFailedTests ?? 0) + (outcome?.numRuntimeErrorTestSuites ?? 0);
console.log(`${outcome?.numPassedTests ?? 0} passed, ${outcome ? failed : 1} failed`);
process.exit(jest.status ?? 1);
