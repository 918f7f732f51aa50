import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { experiments } from '@q2/contracts';
import { GrpcEndpoint, ServiceModule } from '@q2/service-kit';
import { AnalysisGrpc } from './analysis/analysis.grpc.js';
import { AnalysisService } from './analysis/analysis.service.js';
import { EvaluatorService } from './analysis/evaluator.service.js';
import { AssignmentsGrpc } from './assignments/assignments.grpc.js';
import { AssignmentsService } from './assignments/assignments.service.js';
import { DecisionsService } from './decisions/decisions.service.js';
import { EndingsService } from './decisions/endings.service.js';
import { experimentsSchema } from './experiments-schema.js';
import { ExperimentGauges } from './experiments/experiment-gauges.service.js';
import { ExperimentsGrpc } from './experiments/experiments.grpc.js';
import { ExperimentsService } from './experiments/experiments.service.js';
import { OutcomesConsumer } from './outcomes/outcomes.consumer.js';
import { OutcomesGrpc } from './outcomes/outcomes.grpc.js';
import { OutcomesService } from './outcomes/outcomes.service.js';
import { RunningQuotaConsumer } from './quota/running-quota.consumer.js';
import { RunningQuotaService } from './quota/running-quota.service.js';

/** The service ab-testing. */
@Module({
  imports: [ServiceModule.register({ name: 'ab-testing', schema: experimentsSchema })],
  providers: [
    ExperimentsService,
    DecisionsService,
    EndingsService,
    AnalysisService,
    EvaluatorService,
    AssignmentsService,
    OutcomesService,
    RunningQuotaService,
    RunningQuotaConsumer,
    ExperimentGauges,
    ExperimentsGrpc,
    AssignmentsGrpc,
    OutcomesGrpc,
    OutcomesConsumer,
    AnalysisGrpc,
  ],
})
export class AbTestingModule implements OnModuleInit {
  constructor(
    @Inject(GrpcEndpoint) private readonly grpc: GrpcEndpoint,
    @Inject(ExperimentsGrpc) private readonly experiments: ExperimentsGrpc,
    @Inject(AssignmentsGrpc) private readonly assignments: AssignmentsGrpc,
    @Inject(OutcomesGrpc) private readonly outcomes: OutcomesGrpc,
    @Inject(AnalysisGrpc) private readonly analysis: AnalysisGrpc,
  ) {}

  onModuleInit(): void {
    this.grpc.serve(experiments.ExperimentService, this.experiments);
    this.grpc.serve(experiments.AssignmentService, this.assignments);
    this.grpc.serve(experiments.OutcomeService, this.outcomes);
    this.grpc.serve(experiments.AnalysisService, this.analysis);
  }
}
