import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { models, monitoring } from '@q2/contracts';
import { clientOf, type DemoContext } from './demo-context.js';
import type { Digit } from './digits.js';
import { patiently } from './patience.js';

/** What a model answered for one digit. */
export interface Prediction {
  readonly digit: Digit;
  /** The version that answered, such as `1.1.0`. */
  readonly version: string;
  readonly isCorrect: boolean;
  readonly latencyMs: number;
}

export type Selector = { case: 'version' | 'alias'; value: string };

/** Asks a version, or whatever an alias stands for, what a digit shows. */
export async function predict(context: DemoContext, digit: Digit, selector: Selector): Promise<Prediction> {
  const answer = await patiently(() =>
    clientOf(context, models.ServingService).predict({
      name: context.model,
      selector: { selector },
      inputs: {
        case: 'tensors',
        value: { tensors: { pixels: { shape: [1n, 64n], values: { case: 'floats', value: { values: [...digit.pixels] } } } } },
      },
    }),
  );
  return {
    digit,
    version: answer.version.split('/').at(-1) ?? '',
    isCorrect: labelOf(answer) === digit.label,
    latencyMs: answer.latencyMs,
  };
}

function labelOf(answer: models.PredictResponse): number | undefined {
  const label = answer.outputs.case === 'tensors' ? answer.outputs.value.tensors['label'] : undefined;
  return label?.values.case === 'ints' ? Number(label.values.value.values[0]) : undefined;
}

/** Reports errors and latency of predictions to monitoring, as a serving program does. */
export async function reportMetrics(context: DemoContext, batch: string, predictions: readonly Prediction[]): Promise<void> {
  const time = timestampFromDate(new Date());
  const points = predictions.flatMap(({ version, isCorrect, latencyMs }) => {
    const labels = { model: 'digits', version };
    return [
      { metric: 'prediction_errors', labels, value: isCorrect ? 0 : 1, time },
      { metric: 'prediction_latency_ms', labels, value: latencyMs, time },
    ];
  });
  const batchId = context.run.requestId(`metrics ${batch}`);
  async function* requests() {
    yield { parent: context.tenant, batchId, points };
  }
  await patiently(() => clientOf(context, monitoring.MetricService).recordStream(requests()));
}
