import { models } from '@q2/contracts';
import { Ledger } from './ledger.js';

const { method } = models.ModelService;
const request = { requestId: 'r', tenant: 'tenants/acme', sequence: 'models', tries: 1 };

describe('Ledger', () => {
  it('keeps what was acknowledged in order, with whether it must be in the audit log', () => {
    const ledger = new Ledger();
    ledger.acknowledge(method.createModel, request);
    ledger.acknowledge(method.getModel, { ...request, tries: 3 });
    expect(ledger.acknowledged).toEqual([
      { ...request, method: 'q2.models.v1.ModelService/CreateModel', isAudited: true },
      { ...request, method: 'q2.models.v1.ModelService/GetModel', isAudited: false, tries: 3 },
    ]);
    expect(ledger.repeated).toBe(1);
  });

  it('keeps what was refused', () => {
    const ledger = new Ledger();
    ledger.refuse(method.createModel, 'no');
    expect(ledger.refusals).toEqual(['q2.models.v1.ModelService/CreateModel: no']);
  });
});
