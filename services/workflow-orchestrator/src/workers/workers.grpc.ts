import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { workflows } from '@q2/contracts';
import { Database } from '@q2/database';
import { type Call, Logger, type ServiceImpl } from '@q2/service-kit';
import { OrchestratorSettings } from '../settings.js';
import { TaskResults } from '../tasks/task-results.service.js';
import { channels } from '../workflows-schema.js';
import { WorkerSession } from './worker-session.js';

/** Serves q2.workflows.v1.WorkerService. */
@Injectable()
export class WorkersGrpc implements ServiceImpl<typeof workflows.WorkerService>, OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly sessions = new Set<WorkerSession>();
  private stopListening: (() => Promise<void>) | undefined;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(TaskResults) private readonly results: TaskResults,
    @Inject(OrchestratorSettings) private readonly settings: OrchestratorSettings,
    @Inject(Logger) private readonly logger: Logger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.stopListening = await this.database.listen(channels.tasks, () => {
      for (const session of this.sessions) session.wake();
    });
  }

  /** Workers connect again elsewhere; their tasks keep their leases. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.stopListening?.();
    await Promise.all([...this.sessions].map((session) => session.stop()));
  }

  async *work(requests: AsyncIterable<workflows.WorkRequest>, call: Call) {
    const { database, results, settings } = this;
    const session = new WorkerSession(call.tenant, { database, results, settings, logger: this.logger.child({ tenant: call.tenant }) });
    this.sessions.add(session);
    call.signal.addEventListener('abort', () => session.outbound.close(), { once: true });
    // It tells of its failures through `outbound`, and ends when the worker's half of the stream does.
    void session.read(requests);
    try {
      yield* session.outbound;
    } finally {
      this.sessions.delete(session);
      await session.stop();
    }
  }
}
