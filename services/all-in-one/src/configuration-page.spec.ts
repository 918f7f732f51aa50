import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { configurationPage, settingsGroups } from './configuration-page.js';

/** The page of one group, with the columns' padding taken out. */
const page = (shape: z.ZodRawShape) =>
  configurationPage([{ title: 'test', schema: z.object(shape) }])
    .replace(/ +/g, ' ')
    .split('\n');
const row = (lines: string[], variable: string) => lines.find((line) => line.startsWith(`| \`${variable}\` |`));

describe('docs/configuration.md', () => {
  it('is what the schemas say; otherwise run: node services/all-in-one/dist/configuration-page.main.js', () => {
    const written = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
    expect(written).toBe(configurationPage());
  });

  it('lists each variable of each schema once', () => {
    const variables = settingsGroups.flatMap(({ schema }) => Object.keys(schema.shape));
    const lines = configurationPage().split('\n');
    expect(variables.length).toBeGreaterThan(20);
    for (const variable of variables) expect(lines.filter((line) => line.startsWith(`| \`${variable}\` `))).toHaveLength(1);
  });
});

describe('configurationPage', () => {
  it('shows the bounds and the default of a number', () => {
    const lines = page({ SIZE: z.coerce.number().int().min(1).max(9).default(5).describe('A size') });
    expect(lines).toContain('| `SIZE` | `5` | 1 to 9 | A size |');
  });

  it('says sizes in words where they are whole', () => {
    const bytes = (fallback: number) => z.coerce.number().int().min(0).max(1e15).default(fallback).describe('d');
    const lines = page({ A: bytes(3 * 1024 ** 3), B: bytes(5 * 1024 ** 2), C: bytes(1024 ** 2 + 1) });
    expect(row(lines, 'A')).toContain('| `3221225472` (3 GiB) |');
    expect(row(lines, 'B')).toContain('| `5242880` (5 MiB) |');
    expect(row(lines, 'C')).toContain('| `1048577` |');
  });

  it('lists choices, and says what form a text must have', () => {
    const lines = page({
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
    expect(lines).toContain('| `LEVEL` | `low` | `low` `high` | d |');
    expect(lines).toContain('| `URL` | – | a URL | d |');
    expect(lines).toContain('| `DATABASE` | – | `postgres://…` or `postgresql://…` | d |');
    expect(lines).toContain('| `ADDRESS` | – | `host:port` | d |');
    expect(lines).toContain('| `FOLDER` | – | any text | d |');
  });

  it('makes columns as wide as their widest cell', () => {
    const schema = z.object({ A: z.string().describe('short'), LONGER: z.string().describe('d') });
    const lines = configurationPage([{ title: 't', schema }]).split('\n');
    const widths = lines.filter((line) => line.startsWith('|')).map(({ length }) => length);
    expect(new Set(widths).size).toBe(1);
    expect(lines).toContain('| `A`      | –       | any text | short   |');
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
