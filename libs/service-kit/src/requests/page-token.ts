import { InvalidArgument } from '@q2/errors';
import type { JsonValue } from '@bufbuild/protobuf';
import type { z } from 'zod';

export const defaultPageSize = 50;

/** Turns the place where a page ended into an opaque token (AIP-158). */
export function encodePage(cursor: JsonValue): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

/**
 * Reads a token that `encodePage` made; an empty token is the first page.
 *
 * @throws {InvalidArgument} naming `page_token` where it is not one of ours
 */
export function decodePage<T>(token: string, schema: z.ZodType<T>): T | undefined {
  if (token === '') return undefined;
  const parsed = schema.safeParse(jsonOf(token));
  if (parsed.success) return parsed.data;
  throw InvalidArgument.field('page_token', 'must be the next_page_token of an earlier answer to the same request');
}

/** The page size asked for, or the default where none was. */
export function pageSizeOf(request: { readonly pageSize: number }): number {
  return request.pageSize === 0 ? defaultPageSize : request.pageSize;
}

function jsonOf(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch {
    return undefined;
  }
}
