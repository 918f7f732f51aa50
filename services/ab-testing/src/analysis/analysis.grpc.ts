import { Inject, Injectable } from '@nestjs/common';
import type { experiments } from '@q2/contracts';
import type { ServiceImpl } from '@q2/service-kit';
import { keyOf } from '../experiments/experiment-key.js';
import { AnalysisService } from './analysis.service.js';

/** Serves AnalysisService. */
@Injectable()
export class AnalysisGrpc implements ServiceImpl<typeof experiments.AnalysisService> {
  constructor(@Inject(AnalysisService) private readonly analysis: AnalysisService) {}

  getResults({ name }: experiments.GetResultsRequest) {
    return this.analysis.results(keyOf(name));
  }
}
