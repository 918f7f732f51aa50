// Fails the build where a contract leaves a permission or a bound unsaid.
import { contractProblems } from './contract-check.js';
import { allServices } from './services.js';

const problems = contractProblems(allServices);
for (const problem of problems) console.error(`contract: ${problem}`);
if (problems.length > 0) process.exitCode = 1;
