// Writes docs/events/asyncapi.yaml anew: `node services/all-in-one/dist/asyncapi/asyncapi.main.js`.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { asyncApi } from './asyncapi.js';

const root = new URL('../../../../', import.meta.url);
mkdirSync(new URL('docs/events/', root), { recursive: true });
writeFileSync(
  new URL('docs/events/asyncapi.yaml', root),
  asyncApi((file) => readFileSync(new URL(`proto/${file}`, root), 'utf8')),
);
