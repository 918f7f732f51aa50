/**
 * The places where a process can be made to die, in the order in which a change passes them. Each lies between two steps
 * that a crash must not tear apart for good.
 *
 * - `transaction.before-commit`: all statements of a transaction are done, none is stored
 * - `relay.before-publish`: events are committed in the outbox, the bus has none of them
 * - `relay.after-publish`: the bus has them, the outbox still holds them
 * - `consumer.mid-batch`: some events of a batch have had their effect, the group's position says that none has
 * - `process.during-shutdown`: calls are drained, consumers and relay still run
 */
export const crashPoints = [
  'transaction.before-commit',
  'relay.before-publish',
  'relay.after-publish',
  'consumer.mid-batch',
  'process.during-shutdown',
] as const;

export type CrashPoint = (typeof crashPoints)[number];

/** At which passing of which point the process dies. */
interface Arming {
  readonly name: CrashPoint;
  readonly passing: number;
}

/**
 * Makes the function that dies at the point that `setting` names, `name` or `name:N` for the Nth passing.
 *
 * @throws {Error} where the setting is neither: a test that crashes nowhere would prove nothing
 */
export function crashPointOf(setting: string | undefined, die: () => void): (name: CrashPoint) => void {
  if (setting === undefined || setting === '') return () => undefined;
  const armed = armingOf(setting);
  let passings = 0;
  return (name) => {
    if (name !== armed.name) return;
    passings += 1;
    if (passings === armed.passing) die();
  };
}

function armingOf(setting: string): Arming {
  const [text = '', count = '1', ...rest] = setting.split(':');
  const name = crashPoints.find((known) => known === text);
  if (name === undefined || rest.length > 0 || !/^[1-9]\d{0,8}$/.test(count))
    throw new Error(`Q2_CRASH_POINT is ${setting}; it must be one of ${crashPoints.join(', ')}, with :N for the Nth passing`);
  return { name, passing: Number(count) };
}

/**
 * Marks a place where tests let the process die as by kill -9: no handler runs, nothing is flushed. Does nothing unless the
 * variable `Q2_CRASH_POINT` names the place, which is read once.
 */
export const crashPoint = crashPointOf(process.env['Q2_CRASH_POINT'], () => process.kill(process.pid, 'SIGKILL'));
