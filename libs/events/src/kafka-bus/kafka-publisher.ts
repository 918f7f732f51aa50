import { CompressionTypes, Partitioners, type Producer, type RecordMetadata } from 'kafkajs';
import type { BusMessage } from '../event-bus.port.js';
import { connectionError } from './kafka-errors.js';
import { kafkaClient } from './kafka-client.js';
import type { KafkaConnectionOptions } from './kafka-options.js';
import { toKafkaMessage } from './kafka-records.js';
import { cutIntoPieces, piecesOfOneSend, type Piece } from './send-pieces.js';

interface WaitingPiece extends Piece {
  resolve(): void;
  reject(error: unknown): void;
}

/** Less than this is sent as it is: gzip's own frame would eat what it saves. */
const leastCompressedBytes = 1_024;
const retryPauseMs = 500;

/**
 * Publishes through an idempotent producer: what it sends again after a broken connection is stored once.
 *
 * One send is under way at a time, and publications that come meanwhile share the next one. That is how order is kept, and
 * it is a must: kafkajs numbers batches when it sends them, and takes the numbers back when a send fails, although the
 * brokers may have stored it. Another batch under the same number would be dropped by them as known, and confirmed. For the
 * same reason a producer is thrown away after a failure, numbers and all.
 */
export class KafkaPublisher {
  private readonly waiting: WaitingPiece[] = [];
  private readonly targets = new Set<string>();
  private producer: Producer | undefined;
  private running: Promise<void> | undefined;
  private isClosed = false;

  constructor(
    private readonly connection: KafkaConnectionOptions,
    private readonly timeoutMs: number,
  ) {}

  /**
   * Resolves once all in-sync brokers have the messages.
   *
   * @throws {Unavailable} KAFKA_UNREACHABLE where they have not confirmed it in time, KAFKA_REFUSED where they won't
   */
  async publish(messages: readonly BusMessage[]): Promise<void> {
    if (this.isClosed) throw new Error('the bus is closed');
    for (const piece of cutIntoPieces(messages)) {
      await new Promise<void>((resolve, reject) => {
        this.waiting.push({ ...piece, resolve, reject });
        this.running ??= this.run();
      });
    }
  }

  /** Ends after what was handed in before. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.running;
    await this.producer?.disconnect();
  }

  private async run(): Promise<void> {
    for (let waits = this.waiting.length; waits > 0; waits = this.waiting.length) {
      const pieces = this.waiting.splice(0, piecesOfOneSend(this.waiting));
      try {
        await this.send(pieces);
        for (const piece of pieces) piece.resolve();
      } catch (error) {
        const reason = connectionError(error, this.connection);
        for (const piece of pieces) piece.reject(reason);
      }
    }
    this.running = undefined;
  }

  private async send(pieces: readonly Piece[]): Promise<void> {
    const producer = (this.producer ??= this.makeProducer());
    const sending = this.sendBy(producer, pieces);
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`not confirmed within ${this.timeoutMs} ms`));
      }, this.timeoutMs);
    });
    try {
      await Promise.race([sending, tooLate]);
    } catch (error) {
      this.producer = undefined;
      this.discard(producer, sending);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  private async sendBy(producer: Producer, pieces: readonly Piece[]): Promise<void> {
    await producer.connect();
    this.targets.clear();
    const topics = Map.groupBy(
      pieces.flatMap((piece) => piece.messages),
      (message) => message.topic,
    );
    const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, 0);
    const stored = await producer.sendBatch({
      acks: -1,
      compression: bytes < leastCompressedBytes ? CompressionTypes.None : CompressionTypes.GZIP,
      topicMessages: [...topics].map(([topic, messages]) => ({ topic, messages: messages.map(toKafkaMessage) })),
    });
    this.checkStored(stored);
  }

  /**
   * When the leader of a partition changes in mid-send, kafkajs 2.2.4 may skip its messages on the second try, because the
   * new leader has already confirmed others of the same send. It then resolves as if all was well.
   */
  private checkStored(stored: readonly RecordMetadata[]): void {
    const confirmed = new Set(stored.map(({ topicName, partition }) => `${topicName}/${partition}`));
    const missing = [...this.targets].filter((target) => !confirmed.has(target));
    if (missing.length > 0) throw new Error(`no broker has confirmed what was sent to ${missing.join(', ')}`);
  }

  /** The partitioner is that of Kafka's Java clients: murmur2 of the key. */
  private makeProducer(): Producer {
    // As long as a send may take: a broker that restarts is waited for.
    const retry = { retries: Math.ceil(this.timeoutMs / retryPauseMs), initialRetryTime: 100, maxRetryTime: retryPauseMs };
    return kafkaClient(this.connection, retry).producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      retry,
      createPartitioner: () => {
        const partitionFor = Partitioners.DefaultPartitioner();
        return (args) => {
          const partition = partitionFor(args);
          this.targets.add(`${args.topic}/${partition}`);
          return partition;
        };
      },
    });
  }

  /** Disconnects at once, and again when the send has ended: it may have connected once more in between. */
  private discard(producer: Producer, sending: Promise<void>): void {
    const disconnect = () => producer.disconnect().catch(() => undefined);
    void disconnect();
    void sending.then(disconnect, disconnect);
  }
}
