/**
 * The name of an enum's value out of a list of names; undefined for the unspecified value and any other.
 *
 * @param numbers the enum of the contract, as names to numbers
 */
export function nameIn<Name extends string>(
  names: readonly Name[],
  numbers: Readonly<Record<Name, number>>,
  value: number,
): Name | undefined {
  return names.find((name) => numbers[name] === value);
}
