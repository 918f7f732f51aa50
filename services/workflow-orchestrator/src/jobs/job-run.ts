import { AlreadyExists, DomainError, type ErrorKind, FailedPrecondition } from '@q2/errors';
import { WakeSignal } from '@q2/events';
import type { JsonObject } from '@q2/expressions';
import { type Job, jobs, type Pod, pods } from '@q2/kubernetes';
import { z } from 'zod';
import { lostTask, maxDeliveries } from '../tasks/delivery.js';
import type { TaskReport } from '../tasks/task-results.service.js';
import type { Task } from '../tasks/task-store.js';
import { attemptOf, outputOf, refusalOf } from './job-attempt.js';
import { type JobCluster, type JobView, podsOf } from './job-cluster.service.js';
import { JobLog, type LogNotes, logNotesSchema } from './job-log.js';
import { isJobOf, type JobAttempt, jobManifest, jobNameOf, keptSeconds } from './job-manifest.js';
import { hasBegun, hasStopped, type JobFailure, lostJob, type Verdict, verdictOf } from './job-verdict.js';

/** What is left to know for the next replica. */
const notesSchema = z.object({
  /** When the Job was about to be made: without a Job it has never been, or is gone. Milliseconds since 1970. */
  begunAtMs: z.number().optional(),
  /** The Job that was made. */
  uid: z.string().optional(),
  log: logNotesSchema.optional(),
});
type Notes = z.infer<typeof notesSchema>;

/** What may be over soon: it is tried again for as long as the step may take. */
const passing: ReadonlySet<ErrorKind> = new Set<ErrorKind>([
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'ABORTED',
  'RESOURCE_EXHAUSTED',
  'UNAUTHENTICATED',
]);

/** How often a Job is looked at though nothing was heard of it, in milliseconds. */
const lookMs = 5_000;

/** Longest time that the rest of a log is waited for once its job has ended, in milliseconds. */
const restOfLogMs = 15_000;

/** What a run needs of the service. */
export interface JobRunParts {
  readonly jobCluster: JobCluster;
  readonly view: JobView;
  readonly startTimeoutMs: number;
  /** Stores what became of the attempt. */
  readonly settle: (outcome: TaskReport['outcome']) => Promise<boolean>;
  /** Stores notes. False where the lease is lost. */
  readonly note: (notes: JsonObject) => Promise<boolean>;
  /** Stores lines with the notes. False where the lease is lost. */
  readonly logged: (data: JsonObject, notes: JsonObject) => Promise<boolean>;
  readonly warn: (error: unknown, message: string) => void;
}

type Outcome = TaskReport['outcome'];
type End = Exclude<Verdict, { kind: 'pending' | 'running' }>;

/**
 * One attempt of a job step, in the hands of this replica: finds its Job or makes it, watches it to its end, brings its log
 * home. It may be called off at any moment; whoever goes on finds the same Job by its name.
 */
export class JobRun {
  private readonly attempt: JobAttempt;
  private readonly name: string;
  private readonly news = new WakeSignal();
  private readonly abort = new AbortController();
  private notes: Notes;
  private readonly log: JobLog;
  private following: Promise<void> | undefined;
  private logFailure: { readonly error: unknown } | undefined;
  private hasEnded = false;

  constructor(
    private readonly task: Task,
    private readonly parts: JobRunParts,
    private readonly signal: AbortSignal,
  ) {
    this.attempt = attemptOf(task, Date.now());
    this.name = jobNameOf(parts.view.place, this.attempt);
    this.notes = notesSchema.parse(task.notes);
    this.log = new JobLog(parts.view.cluster, (data, log) => this.storeLog(data, log), this.notes.log);
  }

  /** Runs until the attempt has ended and that is stored, or until it is called off. */
  async run(): Promise<void> {
    const stop = this.parts.jobCluster.onChange((job) => {
      if (job === '' || job === this.name) this.news.wake();
    });
    const callOff = () => {
      this.abort.abort();
      this.news.wake();
    };
    this.signal.addEventListener('abort', callOff, { once: true });
    try {
      const outcome = await this.outcome();
      if (outcome !== undefined && !this.signal.aborted) await this.parts.settle(outcome);
    } finally {
      stop();
      this.signal.removeEventListener('abort', callOff);
      this.abort.abort();
      await this.following;
    }
  }

  /** Undefined where it was called off. */
  private async outcome(): Promise<Outcome | undefined> {
    if (this.task.deliveries > maxDeliveries) return lostTask;
    const made = await this.patiently(() => this.findOrMake());
    if (made === undefined || 'reason' in made) return made;
    if (!(await this.remember({ uid: made.metadata?.uid }))) return undefined;
    const verdict = await this.watch(made);
    if (verdict === undefined) return undefined;
    const output = outputOf(verdict.end, this.log.tail);
    return verdict.kind === 'succeeded' ? { output } : { ...verdict.failure, output };
  }

  /** Tries again for as long as what fails may pass. A refusal is the outcome. */
  private async patiently<T>(work: () => Promise<T>): Promise<T | JobFailure | undefined> {
    for (let failures = 0; !this.signal.aborted; failures += 1) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof DomainError)) throw error;
        if (!passing.has(error.kind)) return refusalOf(error);
        this.parts.warn(error, 'a job waits for the cluster');
        await this.news.sleep(Math.min(30_000, 250 * 2 ** failures));
      }
    }
    return undefined;
  }

  private async findOrMake(): Promise<Job | JobFailure | undefined> {
    const { view } = this.parts;
    const key = { namespace: view.place.namespace, name: this.name };
    const { begunAtMs, uid } = this.notes;
    const isOld = begunAtMs !== undefined && Date.now() - begunAtMs > keptSeconds * 1000;
    if (uid !== undefined || isOld) {
      // It was made, or may have been long ago: to make it again could do everything twice.
      const found = await view.cluster.find(jobs, key);
      const isThere = found !== undefined && isJobOf(found, view.place, this.attempt) && (uid === undefined || found.metadata?.uid === uid);
      return isThere ? found : lostJob({ metadata: key });
    }
    if (begunAtMs === undefined && !(await this.remember({ begunAtMs: Date.now() }))) return undefined;
    try {
      return await view.cluster.create(jobs, jobManifest(view.place, this.attempt));
    } catch (error) {
      if (!(error instanceof AlreadyExists)) throw error;
      const found = await view.cluster.get(jobs, key);
      if (isJobOf(found, view.place, this.attempt)) return found;
      throw new FailedPrecondition('JOB_NAME_TAKEN', `there is a Job ${this.name} already that is not this attempt's`, { job: this.name });
    }
  }

  /** Watches the Job until it has ended and its log is stored. Undefined where it was called off. */
  private async watch(made: Job): Promise<End | undefined> {
    let heldUpSinceMs: number | undefined;
    let job: Job | undefined = made;
    while (!this.signal.aborted) {
      if (job === undefined) return this.ended(made, { kind: 'failed', failure: lostJob(made), end: undefined });
      const verdict = verdictOf(job, this.pods());
      if (verdict.kind === 'succeeded' || verdict.kind === 'failed') return this.ended(job, verdict);
      this.beginLog(this.pods());
      const obstacle = verdict.kind === 'pending' ? verdict.obstacle : undefined;
      heldUpSinceMs = obstacle === undefined ? undefined : (heldUpSinceMs ?? Date.now());
      const leftMs = (heldUpSinceMs ?? Number.POSITIVE_INFINITY) + this.parts.startTimeoutMs - Date.now();
      if (obstacle !== undefined && leftMs <= 0) return { kind: 'failed', failure: await this.explained(obstacle), end: undefined };
      await this.news.sleep(Math.max(10, Math.min(lookMs, leftMs)));
      if (this.logFailure !== undefined) throw this.logFailure.error;
      job = await this.look(made);
    }
    return undefined;
  }

  /** Brings home what is left of the log. What the watches say of pods may be older than the Job's end, so they are asked for. */
  private async ended(job: Job, verdict: End): Promise<End | undefined> {
    const { cluster, place } = this.parts.view;
    const selection = { namespace: place.namespace, labelSelector: `batch.kubernetes.io/job-name=${this.name}` };
    const found = await this.patiently(() => cluster.list(pods, selection));
    if (found === undefined) return undefined;
    const last = 'items' in found ? found.items : [];
    this.hasEnded = true;
    this.beginLog(last);
    const patience = setTimeout(() => this.abort.abort(), restOfLogMs);
    await this.following;
    clearTimeout(patience);
    if (this.logFailure !== undefined) throw this.logFailure.error;
    const now = verdictOf(job, last);
    return now.kind === verdict.kind ? now : verdict;
  }

  private pods(): Pod[] {
    return podsOf(this.parts.view, this.name);
  }

  /** The Job as it is now; undefined where it is gone. The watch may be behind, so that what it does not know is asked for. */
  private async look(made: Job): Promise<Job | undefined> {
    const { cluster, place, jobs: watched } = this.parts.view;
    const seen = watched.items.get(`${place.namespace}/${this.name}`);
    if (seen?.metadata?.uid === made.metadata?.uid && seen !== undefined) return seen;
    const found = await this.patiently(async () => ({ job: await cluster.find(jobs, { namespace: place.namespace, name: this.name }) }));
    if (found === undefined || 'reason' in found) return made;
    return found.job?.metadata?.uid === made.metadata?.uid ? found.job : undefined;
  }

  private async explained(obstacle: JobFailure): Promise<JobFailure> {
    if (obstacle.reason !== 'JOB_NOT_STARTED') return obstacle;
    const complaint = await this.parts.jobCluster.complaintAbout(this.name);
    return complaint === '' ? obstacle : { ...obstacle, message: `${obstacle.message}: ${complaint}` };
  }

  private beginLog(known: readonly Pod[]): void {
    const pod = known.find(hasBegun)?.metadata?.name;
    if (pod === undefined || this.following !== undefined) return;
    const isOver = () => this.hasEnded || this.pods().some((each) => each.metadata?.name === pod && hasStopped(each));
    this.following = this.log
      .follow({ namespace: this.parts.view.place.namespace, pod }, isOver, this.abort.signal)
      .catch((error: unknown) => {
        this.logFailure = { error };
        this.news.wake();
      });
  }

  private async storeLog(data: JsonObject, log: LogNotes): Promise<void> {
    const notes = { ...this.notes, log };
    // Where the lease is lost somebody else keeps the log, from the last notes on.
    if (await this.parts.logged(data, jsonOf(notes))) this.notes = notes;
    else this.abort.abort();
  }

  /** Leaves something to know. False where the lease is lost, and somebody else goes on. */
  private async remember(more: Notes): Promise<boolean> {
    const notes = { ...this.notes, ...more };
    if (!(await this.parts.note(jsonOf(notes)))) return false;
    this.notes = notes;
    return true;
  }
}

function jsonOf(notes: Notes): JsonObject {
  return JSON.parse(JSON.stringify(notes));
}
