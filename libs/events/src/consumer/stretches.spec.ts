import { eventMessage } from '../contract/contract-world.js';
import { fromBusMessage } from '../cloud-event.js';
import type { Delivery } from './delivery.js';
import { stretchesOf } from './stretches.js';

describe('stretchesOf', () => {
  /** Deliveries written as `key tenant`. */
  const batch = (...texts: string[]): Delivery[] =>
    texts.map((text, index) => {
      const [key = '', tenant = ''] = text.split(' ');
      const message = eventMessage('q2.contract.events.v1', key, String(index), tenant);
      return { consumer: 'contract', id: String(index), message, event: fromBusMessage(message) };
    });
  const sizes = (...texts: string[]) => stretchesOf(batch(...texts)).map((stretch) => stretch.length);

  it('leaves a batch whole where each key stays with its tenant', () => {
    expect(sizes()).toEqual([]);
    expect(sizes('a acme', 'b globex', 'a acme', 'c acme')).toEqual([4]);
  });

  it('cuts where a key goes over to another tenant, each time', () => {
    expect(sizes('a platform', 'b globex', 'a acme', 'b globex', 'a acme')).toEqual([2, 3]);
    expect(sizes('a platform', 'a acme', 'a platform')).toEqual([1, 1, 1]);
  });

  it('keeps all deliveries in their order', () => {
    const deliveries = batch('a platform', 'b globex', 'a acme', 'b acme');
    expect(stretchesOf(deliveries).flat()).toEqual(deliveries);
  });
});
