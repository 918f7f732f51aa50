import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

describe('docs/errors.md', () => {
  it('lists every reason in the source; otherwise run: node .scripts/errors-page.mjs', () => {
    const workspace = fileURLToPath(new URL('../../../', import.meta.url));
    const check = () => execFileSync(process.execPath, ['.scripts/errors-page.mjs', '--check'], { cwd: workspace, encoding: 'utf8' });
    expect(check()).toBe('');
  });
});
