// Removes what was built from sources that are gone: the compiler leaves it, and tests would go on running it.
import { existsSync, globSync, rmSync } from 'node:fs';

for (const file of globSync('{libs/*,services/*,e2e}/dist/**/*.{js,d.ts,js.map}')) {
  const source = file.replace('/dist/', '/src/').replace(/\.(?:js|d\.ts|js\.map)$/, '.ts');
  if (!existsSync(source)) rmSync(file);
}
