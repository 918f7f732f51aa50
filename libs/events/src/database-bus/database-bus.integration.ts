import { randomUUID } from 'node:crypto';
import { jest } from '@jest/globals';
import { startTestDatabase } from '@q2/database/testing';
import { contractSchema, silentLog, type BusContractSetup } from '../contract/contract-world.js';
import { eventBusContract } from '../contract/event-bus.contract.js';
import { busSchema } from './bus-schema.js';
import { DatabaseBus } from './database-bus.js';

jest.setTimeout(180_000);

async function setUp(): Promise<BusContractSetup> {
  const server = await startTestDatabase();
  return {
    makeBus: async () => {
      const database = await server.database(busSchema, { poolSize: 4 });
      return new DatabaseBus({ database, log: silentLog, member: randomUUID(), leaseMs: 3_000, pollMs: 500 });
    },
    makeDatabase: () => server.database(contractSchema),
    stop: () => server.stop(),
  };
}

eventBusContract('database bus', setUp);
