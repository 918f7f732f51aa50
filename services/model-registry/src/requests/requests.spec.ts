import { Aborted, InvalidArgument } from '@q2/errors';
import { checkEtag, etagOf } from './etag.js';
import { maskedFields } from './update-mask.js';

describe('checkEtag', () => {
  it('lets a change pass that is made on the current state, or asks for no check', () => {
    expect(() => checkEtag(etagOf(3), 3, 'tenants/acme/models/churn')).not.toThrow();
    expect(() => checkEtag('', 3, 'tenants/acme/models/churn')).not.toThrow();
  });

  it('refuses one made on an older state', () => {
    expect(() => checkEtag(etagOf(2), 3, 'tenants/acme/models/churn')).toThrow(Aborted);
  });
});

describe('maskedFields', () => {
  const changeable = ['labels', 'metadata'] as const;

  it.each([[undefined], [{ paths: [] }], [{ paths: ['*'] }]])('changes everything for %j', (mask) => {
    expect([...maskedFields(mask, changeable)]).toEqual(['labels', 'metadata']);
  });

  it('changes what is named only', () => {
    expect([...maskedFields({ paths: ['metadata'] }, changeable)]).toEqual(['metadata']);
  });

  it('refuses what may not change', () => {
    expect(() => maskedFields({ paths: ['labels', 'stage'] }, changeable)).toThrow(InvalidArgument);
  });
});
