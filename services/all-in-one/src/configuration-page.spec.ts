import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { configurationPage, settingsGroups } from './configuration-page.js';

const page = (shape: z.ZodRawShape) => configurationPage([{ title: 'test', schema: z.object(shape) }]);

describe('docs/configuration.md', () => {
  it('is what the schemas say; otherwise run: node services/all-in-one/dist/configuration-page.main.js', () => {
    const written = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
    expect(written).toBe(configurationPage());
  });

  it('lists each variable of each schema once', () => {
    const variables = settingsGroups.flatMap(({ schema }) => Object.keys(schema.shape));
    const lines = configurationPage().split('\n');
    expect(variables.length).toBeGreaterThan(20);
    for (const variable of variables) expect(lines.filter((line) => line.startsWith(`| \`${variable}\` |`))).toHaveLength(1);
  });
});

describe('configurationPage', () => {
  it('shows the bounds and the default of a number', () => {
    const text = page({ SIZE: z.coerce.number().int().min(1).max(9).default(5).describe('A size') });
    expect(text).toContain('| `SIZE` | `5` | 1 to 9 | A size |');
  });

  it('says sizes in words where they are whole', () => {
    const bytes = (fallback: number) => z.coerce.number().int().min(0).max(1e15).default(fallback).describe('d');
    const text = page({ A: bytes(3 * 1024 ** 3), B: bytes(5 * 1024 ** 2), C: bytes(1024 ** 2 + 1) });
    expect(text).toContain('`3221225472` (3 GiB)');
    expect(text).toContain('`5242880` (5 MiB)');
    expect(text).toContain('| `C` | `1048577` |');
  });

  it('lists choices, and says what form a text must have', () => {
    const text = page({
      LEVEL: z.enum(['low', 'high']).default('low').describe('d'),
      URL: z.url().optional().describe('d'),
      DATABASE: z
        .string()
        .regex(/^postgres:/)
        .optional()
        .describe('d'),
      ADDRESS: z.string().regex(/:\d+$/).describe('d'),
      FOLDER: z.string().min(1).describe('d'),
    });
    expect(text).toContain('| `LEVEL` | `low` | `low` `high` | d |');
    expect(text).toContain('| `URL` | – | a URL | d |');
    expect(text).toContain('| `DATABASE` | – | `postgres://…` or `postgresql://…` | d |');
    expect(text).toContain('| `ADDRESS` | – | `host:port` | d |');
    expect(text).toContain('| `FOLDER` | – | any text | d |');
  });

  it('puts the remark of a group above its table', () => {
    const schema = z.object({ A: z.string().describe('d') });
    const lines = configurationPage([{ title: 't', remark: 'Mind this.', schema }]).split('\n');
    expect(lines.indexOf('Mind this.')).toBe(lines.indexOf('## t') + 2);
  });

  it('refuses a variable that nobody described', () => {
    expect(() => page({ MUTE: z.string() })).toThrow('MUTE has no description');
  });
});
