import { FailedPrecondition, InvalidArgument } from '@q2/errors';
import { decideTransition, mustBeDraft } from './stage.js';

describe('decideTransition', () => {
  it.each([
    ['DRAFT', 'STAGING'],
    ['DRAFT', 'PRODUCTION'],
    ['DRAFT', 'ARCHIVED'],
    ['STAGING', 'PRODUCTION'],
    ['STAGING', 'ARCHIVED'],
    ['ARCHIVED', 'STAGING'],
    ['ARCHIVED', 'PRODUCTION'],
  ] as const)('moves from %s to %s', (from, to) => {
    expect(decideTransition('1.0.0', from, to)).toBe('move');
  });

  it.each(['STAGING', 'PRODUCTION', 'ARCHIVED'] as const)('does nothing where the version is in %s already', (stage) => {
    expect(decideTransition('1.0.0', stage, stage)).toBe('nothing');
  });

  it.each(['STAGING', 'ARCHIVED'] as const)('never takes the version that serves to %s', (to) => {
    expect(() => decideTransition('1.0.0', 'PRODUCTION', to)).toThrow(FailedPrecondition);
  });

  it.each(['DRAFT', 'STAGING', 'PRODUCTION', 'ARCHIVED'] as const)('never returns from %s to DRAFT', (from) => {
    expect(() => decideTransition('1.0.0', from, 'DRAFT')).toThrow(InvalidArgument);
  });
});

describe('mustBeDraft', () => {
  it('lets a draft change', () => {
    expect(() => mustBeDraft('1.0.0', 'DRAFT', 'metadata')).not.toThrow();
  });

  it.each(['STAGING', 'PRODUCTION', 'ARCHIVED'] as const)('says what is fixed in %s', (stage) => {
    expect(() => mustBeDraft('1.0.0', stage, 'metadata')).toThrow(`1.0.0 is in ${stage}: its metadata cannot change any more`);
  });
});
