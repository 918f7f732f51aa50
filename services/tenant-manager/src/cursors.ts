import { z } from 'zod';

// Where a page ended, as page tokens carry it. A token comes back from the caller: what is not ours must not reach SQL.

/** The id that a page ended with. */
export const idCursor = z.string().regex(/^[a-z][a-z0-9_-]{0,62}$/);

/** The position that a page ended with: a bigint as text. */
export const positionCursor = z.string().regex(/^\d{1,18}$/);

/** The instant that a page ended with, in milliseconds since the epoch; within the years that timestamps can name. */
export const instantCursor = z.int().min(0).max(253_402_300_799_999);
