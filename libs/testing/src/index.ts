export { startTestDatabase, type TestDatabase } from './database.js';
export { startTestPlatform, type TestPlatform, type TestPlatformOptions } from './platform.js';
export { TestTokens, type TestPrincipal } from './test-tokens.js';
export { cutConnections } from './faults.js';
export { aTenant } from './tenant.builder.js';
export { Producer, ProducerModule, type ProducedRecord } from './producer.js';
export { ingressContract, type IngressUnderTest } from './ingress.contract.js';
