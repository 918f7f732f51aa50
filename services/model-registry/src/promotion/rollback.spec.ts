import fc from 'fast-check';
import { FailedPrecondition } from '@q2/errors';
import type { AssignmentCause } from './assignment.js';
import { rollbackTarget } from './rollback.js';

const model = 'tenants/acme/models/churn';
const move = (cause: AssignmentCause, toVersion: string) => ({ cause, toVersion });
const promoted = (...versions: string[]) => versions.map((version) => move('PROMOTION', version));

describe('rollbackTarget', () => {
  it('returns to the version before the one serving', () => {
    expect(rollbackTarget(promoted('1.0.0', '1.1.0'), { model })).toBe('1.0.0');
  });

  it('goes further back on a second rollback, not forth again', () => {
    const history = [...promoted('1.0.0', '1.1.0', '1.2.0'), move('ROLLBACK', '1.1.0')];
    expect(rollbackTarget(history, { model })).toBe('1.0.0');
  });

  it('returns to a named version that served earlier', () => {
    expect(rollbackTarget(promoted('1.0.0', '1.1.0', '1.2.0'), { model, target: '1.0.0' })).toBe('1.0.0');
  });

  it('returns to a named version that an earlier rollback had left', () => {
    const history = [...promoted('1.0.0', '1.1.0'), move('ROLLBACK', '1.0.0')];
    expect(rollbackTarget(history, { model, target: '1.1.0' })).toBe('1.1.0');
    expect(rollbackTarget([...history, move('ROLLBACK', '1.1.0')], { model })).toBe('1.0.0');
  });

  it.each([
    ['nothing is in production', [], {}, 'NOTHING_IN_PRODUCTION'],
    ['nothing served before', promoted('1.0.0'), {}, 'NO_EARLIER_VERSION'],
    ['a rollback led to the first version already', [...promoted('1.0.0', '1.1.0'), move('ROLLBACK', '1.0.0')], {}, 'NO_EARLIER_VERSION'],
    ['the target never served', promoted('1.0.0', '1.1.0'), { target: '0.9.0' }, 'TARGET_NEVER_SERVED'],
    ['the target serves already', promoted('1.0.0', '1.1.0'), { target: '1.1.0' }, 'TARGET_ALREADY_SERVES'],
    ['another version serves by now', promoted('1.0.0', '1.1.0'), { expected: '1.0.0' }, 'PRODUCTION_HAS_CHANGED'],
  ])('refuses where %s', (_, history, request, reason) => {
    const attempt = () => rollbackTarget(history, { model, ...request });
    expect(attempt).toThrow(FailedPrecondition);
    expect(attempt).toThrow(expect.objectContaining({ reason }));
  });

  it('undoes promotions one by one, whatever was promoted and rolled back before', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.nat(4), fc.constant('back' as const)), { maxLength: 30 }), fc.nat(9), (steps, next) => {
        const history = [move('PROMOTION', 'first')];
        for (const step of steps) {
          if (typeof step === 'number') history.push(move('PROMOTION', `1.${history.length}.${step}`));
          else if (canRollBack(history)) history.push(move('ROLLBACK', rollbackTarget(history, { model })));
        }
        const serving = history.at(-1)?.toVersion;
        expect(rollbackTarget([...history, move('PROMOTION', `2.0.${next}`)], { model })).toBe(serving);
      }),
    );
  });
});

function canRollBack(history: ReturnType<typeof promoted>): boolean {
  try {
    rollbackTarget(history, { model });
    return true;
  } catch {
    return false;
  }
}
