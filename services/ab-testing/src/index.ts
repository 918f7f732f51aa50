export { AbTestingModule } from './ab-testing.module.js';
