import { clone } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { monitoring } from '@q2/contracts';
import { InvalidArgument } from '@q2/errors';

/** Fields that say what a monitor is or was, and not what it should do. */
const fixed = new Set(['name', 'create_time', 'update_time', 'evaluate_time', 'etag', 'evaluate_error']);
const changeable = monitoring.MonitorSchema.fields.filter(({ name }) => !fixed.has(name));

/**
 * The monitor after an update: the fields named by the mask are those of `given`, also where they are empty there; the
 * others stay. Without a mask every field that has a value in `given` changes; `*` names all.
 *
 * @throws {InvalidArgument} naming `update_mask` where it names a field that cannot change
 */
export function applyMask(before: monitoring.Monitor, given: monitoring.Monitor, paths: readonly string[]): monitoring.Monitor {
  const source = reflect(monitoring.MonitorSchema, clone(monitoring.MonitorSchema, given));
  const result = clone(monitoring.MonitorSchema, before);
  const target = reflect(monitoring.MonitorSchema, result);
  const unknown = paths.find((path) => path !== '*' && !changeable.some(({ name }) => name === path));
  if (unknown !== undefined) {
    throw InvalidArgument.field('update_mask', `must name fields among ${changeable.map(({ name }) => name).join(', ')}, got '${unknown}'`);
  }
  const isNamed = (name: string) => paths.includes('*') || paths.includes(name);
  for (const field of changeable.filter((candidate) => (paths.length === 0 ? source.isSet(candidate) : isNamed(candidate.name)))) {
    target.clear(field);
    if (source.isSet(field)) target.set(field, source.get(field));
  }
  return result;
}
