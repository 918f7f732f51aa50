export { normalLogSurvival, normalSurvival, normalUpperQuantile } from './normal.js';
export { studentLogSurvival, studentSurvival, studentUpperQuantile } from './student-t.js';
export { chiSquareLogSurvival, chiSquareSurvival, chiSquareUpperQuantile } from './chi-square.js';
export { addValue, mergeMoments, momentsOf, NO_VALUES, proportionMoments, squaredError, variance, type Moments } from './moments.js';
export { around, type Estimate, type Interval, type TestResult } from './result.js';
export { fisherLogPValue, type TwoByTwo } from './fisher.js';
export {
  compareProportions,
  newcombeInterval,
  proportionsZ,
  wilsonInterval,
  type Proportion,
  type ProportionsResult,
} from './proportions.js';
export { meanInterval, welchT, type WelchResult } from './means.js';
export { relativeLift } from './lift.js';
export { confidenceSequence, mixtureRate, mixtureSprtLogPValue, sequenceLogPValue, type SequencePlan } from './anytime.js';
export { sampleRatio, type Arm, type SampleRatioResult } from './sample-ratio.js';
