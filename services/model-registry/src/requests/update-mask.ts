import { InvalidArgument } from '@q2/errors';

/**
 * The fields that an update changes (AIP-134): those of the mask, or all that may change where it is absent, empty or `*`.
 *
 * @throws {InvalidArgument} naming `update_mask` where it names a field that may not change
 */
export function maskedFields<Field extends string>(
  mask: { readonly paths: readonly string[] } | undefined,
  changeable: readonly Field[],
): ReadonlySet<Field> {
  const paths = mask?.paths ?? [];
  if (paths.length === 0 || paths.includes('*')) return new Set(changeable);
  const unknown = paths.find((path) => !changeable.some((field) => field === path));
  if (unknown !== undefined) throw InvalidArgument.field('update_mask', `may name ${changeable.join(', ')}, got '${unknown}'`);
  return new Set(changeable.filter((field) => paths.includes(field)));
}
