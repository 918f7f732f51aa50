export { describeWithKafka, describeWithOwnKafka, kafkaIsAvailable } from './describe-with-kafka.js';
export { startTestKafka, type TestKafka } from './test-kafka.js';
