import tseslint from 'typescript-eslint';

const pureFiles = ['libs/*/src/**/*.ts', 'services/*/src/**/*.ts'];
const edges = [
  '**/*.service.ts',
  '**/*.grpc.ts',
  '**/*.consumer.ts',
  '**/*.entity.ts',
  '**/*.migration.ts',
  '**/*.module.ts',
  '**/*.integration.ts',
  '**/*.spec.ts',
  '**/*.proof.ts',
];

export default tseslint.config(
  { ignores: ['**/dist/**', '**/gen/**', 'node_modules/**', '.cache/**', '.nx/**', '.q2/**', 'coverage/**'] },
  {
    files: ['{libs,services}/*/src/**/*.ts', 'e2e/src/**/*.ts'],
    extends: [tseslint.configs.base],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/consistent-type-assertions': ['error', { assertionStyle: 'never' }],
      '@typescript-eslint/ban-ts-comment': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingUnknown: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      'max-lines': ['error', { max: 250, skipBlankLines: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 5],
      complexity: ['error', 15],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    files: [
      '**/*.spec.ts',
      '**/*.integration.ts',
      '**/*.proof.ts',
      'e2e/**/*.ts',
      'libs/testing/**/*.ts',
      'libs/events/src/contract/**/*.ts',
    ],
    rules: { 'max-lines': 'off', 'max-lines-per-function': 'off', 'no-console': 'off' },
  },
  { files: ['**/main.ts', '**/database-url.ts', '**/check-contracts.ts'], rules: { 'no-console': 'off' } },
  { files: pureFiles, ignores: edges, rules: {} },
);
