export { platformModules, startPlatform, type Platform } from './platform.js';
export { ensureServiceKeys } from './service-keys.js';
