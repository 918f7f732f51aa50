import type { BusContractSetup } from './contract-world.js';
import { deliveryContract } from './delivery.contract.js';
import { handlingContract } from './handling.contract.js';

/**
 * The tests that every driver of the EventBus port passes, to be called in a test file of the driver.
 *
 * @param name of the driver
 * @param setUp called once, before the tests
 */
export function eventBusContract(name: string, setUp: () => Promise<BusContractSetup>): void {
  describe(`event bus contract: ${name}`, () => {
    let current: BusContractSetup | undefined;

    const setup = (): BusContractSetup => {
      if (current === undefined) throw new Error('the setup is there in tests only');
      return current;
    };

    beforeAll(async () => {
      current = await setUp();
    });

    afterAll(async () => {
      await current?.stop();
    });

    deliveryContract(setup);
    handlingContract(setup);
  });
}
