// Tests run on what the compiler emitted: what is tested is what runs.
export default {
  testEnvironment: '<rootDir>/jest.environment.mjs',
  roots: ['<rootDir>/libs', '<rootDir>/services', '<rootDir>/e2e'],
  // Proofs start many processes and want the machine for themselves: they run one after another, after all else.
  testMatch: process.env.Q2_PROOFS ? ['**/dist/**/*.proof.js'] : ['**/dist/**/*.spec.js', '**/dist/**/*.integration.js'],
  transform: {},
  testTimeout: 60_000,
  // Files wait for servers as much as they compute. A worker that has grown is replaced: modules of past files stay in memory.
  maxWorkers: 2,
  workerIdleMemoryLimit: '1GB',
  coverageProvider: 'v8',
  collectCoverageFrom: ['{libs,services}/*/dist/**/*.js', '!**/*.{spec,integration,proof}.js', '!**/gen/**'],
  coverageReporters: ['json-summary', 'lcovonly'],
  coverageThreshold: { global: { lines: 90, branches: 90 } },
};
