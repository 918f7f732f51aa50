import type { ValueTransformer } from 'typeorm';

/** Keeps a column as `jsonb` that the code reads and writes as JSON text, which is what contracts turn into messages. */
export const jsonText: ValueTransformer = {
  to: (text: string): unknown => JSON.parse(text),
  from: (value: unknown): string => JSON.stringify(value),
};
