// Tests run on what the compiler emitted: what is tested is what runs.
export default {
  testEnvironment: '<rootDir>/jest.environment.mjs',
  roots: ['<rootDir>/libs', '<rootDir>/services', '<rootDir>/e2e'],
  testMatch: ['**/dist/**/*.spec.js', '**/dist/**/*.integration.js'],
  transform: {},
  testTimeout: 60_000,
  // Files wait for servers as much as they compute. A worker that has grown is replaced: modules of past files stay in memory.
  maxWorkers: 2,
  workerIdleMemoryLimit: '1GB',
  coverageProvider: 'v8',
  collectCoverageFrom: ['{libs,services}/*/dist/**/*.js', '!**/*.{spec,integration}.js', '!**/gen/**'],
  coverageReporters: ['json-summary', 'lcovonly'],
  coverageThreshold: { global: { lines: 90, branches: 90 } },
};
