// Runs all tests, then the proofs that want the machine for themselves. Ends with what was measured and one line:
// `N passed, N failed`.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';

const cache = '.cache';
const coverage = 'coverage/coverage-summary.json';
/** What tests print for the record begins with this word. */
const measured = /^\s*measured: (.*)/;
const given = process.argv.slice(2);

mkdirSync(cache, { recursive: true });
rmSync(coverage, { force: true });

// Some proofs take long: Q2_PROOFS names those to run, as a pattern of their paths; empty means none. By default all run.
const chosenProofs = process.env.Q2_PROOFS;
const proofOptions = [...given.filter((option) => option !== '--coverage'), ...(chosenProofs ? ['--testPathPatterns', chosenProofs] : [])];
const phases = [await runJest('tests', given, { Q2_PROOFS: undefined })];
if (chosenProofs !== '') phases.push(await runJest('proofs', ['--runInBand', ...proofOptions], { Q2_PROOFS: '.' }));

console.log(`\n${phases.map(({ name, files, seconds }) => `${name}: ${files} files in ${seconds} s`).join('; ')}`);
for (const line of phases.flatMap(({ figures }) => figures)) console.log(`measured: ${line}`);
for (const line of phases.flatMap(({ problems }) => problems)) console.log(line);
if (existsSync(coverage)) {
  const { lines, branches } = JSON.parse(readFileSync(coverage, 'utf8')).total;
  console.log(`coverage: ${lines.pct} % of lines, ${branches.pct} % of branches`);
}
const sum = (count) => phases.reduce((total, phase) => total + phase[count], 0);
if (sum('files') === 0) console.log(`failed: no test file matches ${given.join(' ')}`);
const skipped = sum('skipped');
if (skipped > 0) console.log(`${skipped} skipped, for the reasons given above`);
console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
process.exit(sum('files') > 0 && phases.every(({ succeeded }) => succeeded) ? 0 : 1);

/** Runs the test files of one kind. */
async function runJest(name, options, environment) {
  const results = `${cache}/jest-${name}.json`;
  rmSync(results, { force: true });
  const jest = ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js', '--config', 'jest.config.mjs'];
  const args = [...jest, '--passWithNoTests', '--json', `--outputFile=${results}`, ...options];
  const startedAt = Date.now();
  // With --json jest writes its results to standard output too; the report for people goes to standard error.
  const child = spawn(process.execPath, args, { stdio: ['inherit', 'ignore', 'pipe'], env: { ...process.env, ...environment } });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const figures = [];
  for await (const line of createInterface({ input: child.stderr })) {
    console.error(line);
    const [, figure] = measured.exec(line) ?? [];
    if (figure) figures.push(figure);
  }
  const status = await ended;
  const seconds = Math.round((Date.now() - startedAt) / 1000);
  return { name, seconds, figures, succeeded: status === 0, ...outcomeOf(name, results, status) };
}

/** Counts and problems out of what jest wrote down. */
function outcomeOf(name, results, status) {
  if (!existsSync(results)) return { files: 0, passed: 0, failed: 1, skipped: 0, problems: [`failed: jest did not finish the ${name}`] };
  const outcome = JSON.parse(readFileSync(results, 'utf8'));
  const problems = outcome.testResults.filter((file) => file.status === 'failed').flatMap(problemsOf);
  if (outcome.success && status !== 0) problems.push('failed: coverage is below its threshold; see the report above');
  return {
    files: outcome.numTotalTestSuites,
    passed: outcome.numPassedTests,
    failed: outcome.numFailedTests + outcome.numRuntimeErrorTestSuites,
    skipped: outcome.numPendingTests,
    problems,
  };
}

/** The failed tests of a file with the first lines of the reason. */
function problemsOf({ name, assertionResults, message }) {
  const failures = assertionResults.filter(({ status }) => status === 'failed');
  if (failures.length === 0) return [`failed: ${name}`, beginningOf(message)];
  return failures.flatMap(({ fullName, failureMessages }) => [`failed: ${name} > ${fullName}`, beginningOf(failureMessages.join('\n'))]);
}

function beginningOf(text) {
  // Colours of a terminal would be noise in a log.
  return text
    .replace(/\u001b\[\d+m/g, '')
    .split('\n')
    .slice(0, 12)
    .map((line) => `    ${line}`)
    .join('\n');
}
