import { TestEnvironment } from 'jest-environment-node';

const typedArrays = {
  Float32Array,
  Float64Array,
  Int8Array,
  Int16Array,
  Int32Array,
  Uint16Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
};

/**
 * Node's environment with Node's own typed arrays. Jest gives each test file copies of its own, which native modules such
 * as onnxruntime-node do not recognise: an answer's BigInt64Array would not be an instance of BigInt64Array.
 */
export default class Environment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    Object.assign(this.global, typedArrays);
  }
}
