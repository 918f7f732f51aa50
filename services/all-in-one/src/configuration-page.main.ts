// Writes docs/configuration.md anew: `node services/all-in-one/dist/configuration-page.main.js`.
import { writeFileSync } from 'node:fs';
import { configurationPage } from './configuration-page.js';

writeFileSync(new URL('../../../docs/configuration.md', import.meta.url), configurationPage());
