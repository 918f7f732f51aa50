// Makes a real call to each service: `TENANT_MANAGER_ADDRESS=… Q2_OPERATOR_KEY_FILE=… node services/all-in-one/dist/check.main.js`.
import { readFile } from 'node:fs/promises';
import { configuration, processSettings, sentenceOf } from '@q2/service-kit';
import { z } from 'zod';
import { checkPlatform } from './check.js';

const checkSettings = z.object({ ...processSettings.shape, Q2_OPERATOR_KEY_FILE: z.string().min(1) });

try {
  const settings = configuration(checkSettings);
  const key = (await readFile(settings.Q2_OPERATOR_KEY_FILE, 'utf8')).trim();
  const results = await checkPlatform(settings, key);
  for (const { service, problem } of results) process.stdout.write(`${service}: ${problem ?? 'answered'}\n`);
  process.exitCode = results.every(({ problem }) => problem === undefined) ? 0 : 1;
} catch (error) {
  process.stderr.write(`q2: ${sentenceOf(error)}\n`);
  process.exitCode = 1;
}
