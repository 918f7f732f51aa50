export { AbTestingModule } from './ab-testing.module.js';
export { experimentsSchema } from './experiments-schema.js';
