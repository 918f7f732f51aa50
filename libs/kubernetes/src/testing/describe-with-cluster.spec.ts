import { jest } from '@jest/globals';
import { describeWithCluster, describeWithOwnCluster } from './describe-with-cluster.js';

const environment = process.env;
const { describe: realDescribe, it: realIt } = globalThis;

afterEach(() => {
  process.env = environment;
  Reflect.set(globalThis, 'describe', realDescribe);
  Reflect.set(globalThis, 'it', realIt);
  jest.restoreAllMocks();
});

const body = () => undefined;

/** Defines a suite in an environment, on a runner that only takes notes. */
function define(describeSuite: typeof describeWithCluster, settings: Record<string, string>) {
  process.env = settings;
  const skip = jest.fn();
  const run = Object.assign(jest.fn(), { skip });
  const test = jest.fn();
  const said = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  Reflect.set(globalThis, 'describe', run);
  Reflect.set(globalThis, 'it', test);
  describeSuite('jobs', 'control', body);
  return { run, skip, test, said };
}

describe('describeWithCluster', () => {
  it('defines the suite where there is a cluster', () => {
    const { run, skip, said } = define(describeWithCluster, { KUBECONFIG: '/k', CI: 'true' });
    expect(run.mock.calls).toEqual([['jobs', body]]);
    expect(skip).not.toHaveBeenCalled();
    expect(said).not.toHaveBeenCalled();
  });

  it('skips the suite with one line that says why where there is none', () => {
    const { run, skip, said } = define(describeWithCluster, {});
    expect(run).not.toHaveBeenCalled();
    expect(skip.mock.calls).toEqual([['jobs', body]]);
    expect(said.mock.calls).toEqual([[expect.stringMatching(/^skipped: jobs: there is no Kubernetes: .*\n$/)]]);
  });

  it('puts a failing test in its place under CI', async () => {
    const { run, skip, test } = define(describeWithCluster, { CI: 'true' });
    expect(skip).not.toHaveBeenCalled();
    for (const [, define_] of run.mock.calls) if (typeof define_ === 'function') define_();
    const [, failing] = test.mock.calls[0] ?? [];
    await expect(typeof failing === 'function' ? failing() : undefined).rejects.toThrow('there is no Kubernetes');
  });
});

describe('describeWithOwnCluster', () => {
  it('breaks no cluster that others use', () => {
    const { skip, said } = define(describeWithOwnCluster, { KUBECONFIG: '/k' });
    expect(skip).toHaveBeenCalledTimes(1);
    expect(said).toHaveBeenCalledWith(expect.stringContaining('it breaks the cluster'));
    expect(define(describeWithOwnCluster, {}).said).toHaveBeenCalledWith(expect.stringContaining('there is no Kubernetes'));
  });
});
