/**
 * The background jobs that may read and write the rows of every tenant. The list is closed: a new name is a reviewed
 * line here, and it is what shows in `pg_stat_activity` and in logs while the job runs.
 */
export type BackgroundJob =
  | 'outbox-relay'
  | 'inbox'
  | 'tenant-directory'
  | 'workflow-claim'
  | 'schedule-claim'
  | 'alert-evaluation'
  | 'experiment-analysis'
  | 'metric-retention'
  | 'audit-append'
  | 'quota-expiry'
  | 'quota-settlement'
  | 'request-expiry'
  | 'limit-announcement'
  | 'metrics';
