export { platformModules, startPlatform, type Platform } from './platform.js';
