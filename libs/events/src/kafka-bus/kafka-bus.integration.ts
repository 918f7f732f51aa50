import { randomUUID } from 'node:crypto';
import { jest } from '@jest/globals';
import { eventTopics } from '@q2/contracts';
import { startTestDatabase } from '@q2/database/testing';
import { contractSchema, silentLog, type BusContractSetup } from '../contract/contract-world.js';
import { eventBusContract } from '../contract/event-bus.contract.js';
import { describeWithKafka, startTestKafka } from '../testing/index.js';
import { declareTopics } from '../topics.js';
import { KafkaBus } from './kafka-bus.js';

jest.setTimeout(180_000);

async function setUp(): Promise<BusContractSetup> {
  const [server, kafka] = await Promise.all([startTestDatabase(), startTestKafka()]);
  return {
    makeBus: (topics) =>
      KafkaBus.connect({
        brokers: kafka.brokers,
        clientId: randomUUID(),
        log: silentLog,
        topics: declareTopics([...eventTopics, ...topics]),
        sessionTimeoutMs: 6_000,
        fetchWaitMs: 100,
      }),
    makeDatabase: () => server.database(contractSchema),
    stop: async () => {
      await Promise.all([server.stop(), kafka.stop()]);
    },
  };
}

describeWithKafka('Kafka', () => {
  eventBusContract('Kafka', setUp);
});
