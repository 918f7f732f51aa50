export * from './gen/q2/options/v1/options_pb.js';
