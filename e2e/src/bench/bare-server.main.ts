// The peer of the gRPC benchmark: grpc-js and nothing else, with the same contract and the same answer.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Server, ServerCredentials, type handleUnaryCall } from '@grpc/grpc-js';
import { tenants } from '@q2/contracts';
import { answer } from './quota-answer.js';

const checkLimit: handleUnaryCall<tenants.CheckLimitRequest, tenants.CheckLimitResponse> = (_call, callback) => {
  callback(null, create(tenants.CheckLimitResponseSchema, answer));
};
const server = new Server();
server.addService(
  {
    CheckLimit: {
      path: '/q2.tenants.v1.QuotaService/CheckLimit',
      requestStream: false,
      responseStream: false,
      requestSerialize: (value: tenants.CheckLimitRequest) => Buffer.from(toBinary(tenants.CheckLimitRequestSchema, value)),
      requestDeserialize: (bytes: Buffer) => fromBinary(tenants.CheckLimitRequestSchema, bytes),
      responseSerialize: (value: tenants.CheckLimitResponse) => Buffer.from(toBinary(tenants.CheckLimitResponseSchema, value)),
      responseDeserialize: (bytes: Buffer) => fromBinary(tenants.CheckLimitResponseSchema, bytes),
    },
  },
  { CheckLimit: checkLimit },
);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
  process.send?.(error ? { error: error.message } : { port }),
);
process.once('disconnect', () => process.exit(0));
