import { InvalidArgument } from '@q2/errors';

/** @throws {InvalidArgument} naming `field` where the value is not a finite number above zero */
export function requirePositive(field: string, value: number): void {
  if (!(value > 0 && value < Infinity)) throw InvalidArgument.field(field, `must be a finite number above 0, got ${value}`);
}

/** @throws {InvalidArgument} naming `field` where the value is not a number (infinities are) */
export function requireNumber(field: string, value: number): void {
  if (Number.isNaN(value)) throw InvalidArgument.field(field, 'must be a number, got NaN');
}

/** @throws {InvalidArgument} naming `field` where the value is not strictly between 0 and 1 */
export function requireProbability(field: string, value: number): void {
  if (!(value > 0 && value < 1)) throw InvalidArgument.field(field, `must lie between 0 and 1, got ${value}`);
}

/** @throws {InvalidArgument} naming `field` where the value is not a whole number, zero or more, that a double counts exactly */
export function requireCount(field: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 0)) throw InvalidArgument.field(field, `must be a whole number of 0 or more, got ${value}`);
}
