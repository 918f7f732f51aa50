import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials, status, type MethodDefinition } from '@grpc/grpc-js';
import { models } from '@q2/contracts';
import { GrpcServer } from './grpc-server.js';

const path = '/q2.models.v1.ModelService/GetModel';
const same = (bytes: Uint8Array) => Buffer.from(bytes);

/** A server with one method that answers its request after a moment. */
async function startReplica(delayMs: number, seen: string[]): Promise<{ server: GrpcServer; address: string }> {
  const server = new GrpcServer({ address: '127.0.0.1:0', maxMessageBytes: 65_536 });
  const definition: MethodDefinition<Uint8Array, Buffer> = {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  const handler = (call: { request: Buffer }, done: (error: null, answer: Buffer) => void) => {
    seen.push(call.request.toString());
    setTimeout(() => done(null, call.request), delayMs).unref();
  };
  server.add(models.ModelService, new Map([['GetModel', { definition, handler }]]));
  await new Promise<void>((resolve, reject) => server.listen((error) => (error ? reject(new Error(String(error))) : resolve())));
  return { server, address: `127.0.0.1:${server.port}` };
}

/** A stock client: no retries of ours, only what grpc-js does by itself. */
function stockClient(target: string): Client {
  return new Client(target, credentials.createInsecure(), {
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  });
}

function ask(client: Client, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, same, same, Buffer.from(text), (error, answer) => (answer ? resolve(answer.toString()) : reject(error)));
  });
}

describe('a server that drains', () => {
  it('fails no call of a stock client that knows another replica, and serves each once', async () => {
    const seen: string[] = [];
    const [first, second] = [await startReplica(2, seen), await startReplica(2, seen)];
    const client = stockClient(`ipv4:${first.address},${second.address}`);
    const answers: Promise<string>[] = [];
    const burst = async (count: number) => {
      for (let index = 0; index < count; index += 1) {
        answers.push(ask(client, String(answers.length)));
        if (index % 3 === 0) await sleep(0);
      }
    };
    await burst(500);
    const drained = first.server.drain(10_000);
    await burst(1_500);
    await drained;
    const given = await Promise.all(answers);
    expect(given).toEqual(given.map((_, index) => String(index)));
    expect(seen.length).toBe(new Set(seen).size);
    client.close();
    await second.server.drain(1_000);
  });

  it('serves calls that cross its farewell on a connection that was idle', async () => {
    for (let round = 0; round < 12; round += 1) {
      const seen: string[] = [];
      const [first, second] = [await startReplica(0, seen), await startReplica(0, seen)];
      const client = stockClient(`ipv4:${first.address},${second.address}`);
      await Promise.all([ask(client, 'a'), ask(client, 'b'), ask(client, 'c'), ask(client, 'd')]);
      const drained = first.server.drain(10_000);
      const crossing = Array.from({ length: 8 }, (_, index) => ask(client, `${round} ${index}`));
      await expect(Promise.all(crossing)).resolves.toHaveLength(8);
      await drained;
      client.close();
      await second.server.drain(1_000);
    }
  });

  it('cuts a call that outlasts its limit', async () => {
    const { server, address } = await startReplica(60_000, []);
    const client = stockClient(`ipv4:${address}`);
    const asked = ask(client, 'slow').catch((error: unknown) => error);
    await sleep(200);
    await server.drain(300);
    expect([status.UNAVAILABLE, status.CANCELLED]).toContain(Reflect.get(Object(await asked), 'code'));
    client.close();
  });
});
