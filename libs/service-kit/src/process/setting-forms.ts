import { z } from 'zod';

/** Where to listen, or one place to call. */
export const hostAndPort = z
  .string()
  .regex(/^[^\s:]+:\d{1,5}$|^\[[0-9a-f:]+\]:\d{1,5}$/i, 'must be host:port, such as 127.0.0.1:50051')
  .refine((value) => Number(value.slice(value.lastIndexOf(':') + 1)) <= 65_535, 'must have a port up to 65535');

/** Several places to call. */
export const hostsAndPorts = z
  .string()
  .regex(
    /^([^\s:,]+|\[[0-9a-f:]+\]):\d{1,5}(,([^\s:,]+|\[[0-9a-f:]+\]):\d{1,5})*$/i,
    'must be host:port, several of them with commas between',
  )
  .refine(
    (value) => value.split(',').every((address) => Number(address.slice(address.lastIndexOf(':') + 1)) <= 65_535),
    'must have ports up to 65535',
  );

/** A whole number between two bounds. */
export const wholeNumber = (bounds: { min: number; max: number; fallback: number }) =>
  z.coerce
    .number(`must be a whole number from ${bounds.min} to ${bounds.max}`)
    .int()
    .min(bounds.min)
    .max(bounds.max)
    .default(bounds.fallback);
