export { startTestDatabase, type TestDatabase } from './database.js';
export { startTestPlatform, type TestPlatform, type TestPlatformOptions } from './platform.js';
export { TestTokens, type TestPrincipal } from './test-tokens.js';
export { cutConnections } from './faults.js';
export { aTenant } from './tenant.builder.js';
