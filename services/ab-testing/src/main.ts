import { runService } from '@q2/service-kit';
import { AbTestingModule } from './ab-testing.module.js';

await runService('ab-testing', AbTestingModule);
