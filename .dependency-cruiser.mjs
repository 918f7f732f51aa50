/** The arrows of the architecture: what may import what. */
const pureFile = '(^|/)(?!index|main|database-url)[a-z0-9-]+\\.ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'services-never-import-services',
      severity: 'error',
      from: { path: '^services/(?!all-in-one/)([^/]+)/' },
      to: { path: '^services/(?!$1/)' },
    },
    { name: 'libraries-never-import-services', severity: 'error', from: { path: '^libs/' }, to: { path: '^(services|e2e)/' } },
    {
      name: 'only-index-of-a-library-is-imported',
      severity: 'error',
      from: { path: '^(?:libs|services|e2e)/([^/]+)/' },
      to: { path: '^libs/(?!$1/)[^/]+/(?!dist/index\\.|src/index\\.ts)' },
    },
    {
      name: 'pure-libraries-stay-pure',
      severity: 'error',
      from: { path: '^libs/(errors|statistics|bucketing|expressions)/', pathNot: '\\.(spec|integration|proof)\\.ts$' },
      to: { path: '^node_modules/(@nestjs|typeorm|kafkajs|pg|@grpc)|^libs/(database|events|service-kit)/' },
    },
    {
      name: 'pure-files-stay-pure',
      comment: 'A file without a suffix that names an edge holds rules only.',
      severity: 'error',
      from: { path: '^services/(?!all-in-one/)[^/]+/src/.+/[a-z0-9-]+\\.ts$' },
      to: { path: '^node_modules/(@nestjs|typeorm|kafkajs|pg)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'the-database-driver-stays-in-its-library',
      comment: 'Only libs/database opens connections, so only it holds the role that bypasses row-level security.',
      severity: 'error',
      from: { path: '^(libs|services)/', pathNot: '^libs/(database|testing)/|\\.(spec|integration|proof)\\.ts$' },
      to: { path: '^node_modules/pg/' },
    },
    {
      name: 'test-support-stays-in-tests',
      severity: 'error',
      from: { path: '^(libs|services)/', pathNot: '^libs/testing/|\\.(spec|integration|proof)\\.ts$|\\.testing\\.ts$' },
      to: { path: '^libs/testing/' },
    },
    {
      name: 'declared-dependencies-only',
      severity: 'error',
      from: { path: '^(libs|services|e2e)/', pathNot: '\\.(spec|integration|proof)\\.ts$' },
      to: { dependencyTypes: ['unknown', 'undetermined', 'npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|gen)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'default'], mainFields: ['module', 'main'] },
  },
};
