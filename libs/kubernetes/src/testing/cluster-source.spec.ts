import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findCluster } from './cluster-source.js';

describe('findCluster', () => {
  const folder = mkdtempSync(join(tmpdir(), 'q2-tools-'));
  const script = join(folder, 'kubernetes', 'cluster.sh');
  const bin = join(folder, 'bin');

  beforeAll(() => {
    for (const path of [join(folder, 'kubernetes'), bin]) mkdirSync(path);
    writeFileSync(script, '');
    for (const program of ['containerd', 'runc', 'ctr', 'iptables', 'conntrack', 'ip', 'zstd']) {
      writeFileSync(join(bin, program), '');
      chmodSync(join(bin, program), 0o755);
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const own = { Q2_TOOLS: folder, PATH: bin };

  it('takes a cluster of its own before that of others', () => {
    expect(findCluster('full', { environment: { ...own, KUBECONFIG: '/k' }, isRoot: true })).toEqual({ kind: 'script', script });
    expect(findCluster('control', { environment: own, isRoot: true })).toEqual({ kind: 'script', script });
  });

  it('takes that of others where it can start none', () => {
    for (const environment of [{ KUBECONFIG: '/k' }, { ...own, KUBECONFIG: '/k' }]) {
      expect(findCluster('control', { environment, isRoot: false })).toEqual({ kind: 'cluster', kubeconfig: '/k' });
    }
  });

  it('says what is missing', () => {
    const reason = (isRoot: boolean, environment: Record<string, string>) => {
      const found = findCluster('full', { environment, isRoot });
      return found.kind === 'none' ? found.reason : '';
    };
    expect(reason(true, {})).toBe('there is no Kubernetes: KUBECONFIG names no file, and Q2_TOOLS no folder with kubernetes/cluster.sh');
    expect(reason(false, own)).toContain('only root can start one');
    rmSync(join(bin, 'containerd'));
    // A machine may have it elsewhere.
    expect(reason(true, own)).toMatch(/^$|containerd must be installed/);
  });
});
