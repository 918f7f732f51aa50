import fc from 'fast-check';
import { isJobOf, type JobAttempt, jobManifest, jobNameOf, selectorOf } from './job-manifest.js';

const place = { namespace: 'jobs', installation: '0190b6f0-0000-7000-8000-000000000000' };
const attempt: JobAttempt = {
  ...{ tenant: 'acme', execution: 'e1', step: 'train_model_', attempt: 2, task: 't1', idempotencyKey: 'k1', deadlineSeconds: 60 },
  input: { image: 'etl:1', command: [], args: [], environment: {}, cpuMillis: 100, memoryMib: 64, storageMib: 10, canWriteRoot: false },
};
const of = (more: Partial<JobAttempt['input']> = {}, rest: Partial<JobAttempt> = {}) =>
  jobManifest(place, { ...attempt, ...rest, input: { ...attempt.input, ...more } });

describe('jobManifest', () => {
  it('asks for one run of one container, and for nothing that `restricted` forbids', () => {
    const { spec } = of();
    expect(spec).toMatchObject({
      backoffLimit: 0,
      completions: 1,
      parallelism: 1,
      activeDeadlineSeconds: 60,
      ttlSecondsAfterFinished: 3600,
    });
    expect(spec?.template.spec).toMatchObject({
      ...{ restartPolicy: 'Never', automountServiceAccountToken: false, enableServiceLinks: false },
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
          resources: { limits: { cpu: '100m', memory: '64Mi', 'ephemeral-storage': '10Mi' } },
        },
      ],
    });
    expect(spec?.template.spec).not.toHaveProperty('hostNetwork');
    expect(of({}, { deadlineSeconds: undefined }).spec).not.toHaveProperty('activeDeadlineSeconds');
  });

  it('runs what the image says where the definition says nothing', () => {
    const [plain] = of().spec?.template.spec?.containers ?? [];
    expect(plain).not.toHaveProperty('command');
    expect(plain).not.toHaveProperty('args');
    const [given] = of({ command: ['run'], args: ['-v'], canWriteRoot: true }).spec?.template.spec?.containers ?? [];
    expect(given).toMatchObject({ command: ['run'], args: ['-v'], securityContext: { readOnlyRootFilesystem: false } });
  });

  it('gives the environment as text: nothing refers to a secret, and nothing is replaced', () => {
    const [container] =
      of({ environment: { HOME: '/work', A: '$(SECRET) $$(B) $C' }, args: ['$(A)'] }).spec?.template.spec?.containers ?? [];
    expect(container?.args).toEqual(['$$(A)']);
    expect(container?.env).toEqual([
      { name: 'HOME', value: '/work' },
      { name: 'A', value: '$$(SECRET) $$$(B) $C' },
      ...[
        ['Q2_TENANT', 'acme'],
        ['Q2_EXECUTION', 'e1'],
        ['Q2_STEP', 'train_model_'],
        ['Q2_ATTEMPT', '2'],
        ['Q2_IDEMPOTENCY_KEY', 'k1'],
      ].map(([name, value]) => ({ name, value })),
    ]);
    expect(container).not.toHaveProperty('envFrom');
  });

  it('says whose it is', () => {
    const { metadata, spec } = of();
    expect(metadata?.labels).toMatchObject({
      'q2.io/tenant': 'acme',
      'q2.io/execution': 'e1',
      'q2.io/step': 'train_model',
      'q2.io/task': 't1',
    });
    expect(spec?.template.metadata?.labels).toEqual(metadata?.labels);
    expect(selectorOf(place)).toBe(`app.kubernetes.io/managed-by=q2,q2.io/installation=${place.installation}`);
    expect(isJobOf(of(), place, attempt)).toBe(true);
    expect(isJobOf(of(), place, { ...attempt, task: 't2' })).toBe(false);
    expect(isJobOf(of(), { ...place, installation: 'other' }, attempt)).toBe(false);
    expect(isJobOf({}, place, attempt)).toBe(false);
  });
});

describe('jobNameOf', () => {
  const part = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
  const attempts = fc.record({ tenant: part, execution: part, step: fc.stringMatching(/^[a-z][a-z0-9_]{0,62}$/), attempt: fc.nat(3) });

  it('is a name that Kubernetes takes, the same for the same attempt and another for any other', () => {
    fc.assert(
      fc.property(attempts, attempts, (one, other) => {
        const [name, second] = [one, other].map((each) => jobNameOf(place, { ...attempt, ...each }));
        expect(name).toMatch(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/);
        expect(name === second).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
    );
  });
});
