export { hash, isHashVersion, type HashVersion } from './hash.js';
export { bucketRanges, chooseVariation, equalWeights, inRange, type BucketRange } from './bucket-range.js';
export { inNamespace, type Namespace } from './namespace.js';
export { prepareSplit, WHOLE_BASIS_POINTS, type Split, type Splitter } from './split.js';
