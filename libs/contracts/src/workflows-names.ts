import { resourceName } from './resource-name.js';

/** A workflow, whatever its version. */
export const workflowName = resourceName('tenants/{tenant}/workflows/{workflow}');

/** One version of a workflow. */
export const workflowVersionName = resourceName('tenants/{tenant}/workflows/{workflow}/versions/{version}');

/** One run of a workflow. */
export const executionName = resourceName('tenants/{tenant}/executions/{execution}');

/** One attempt of a step, given to a remote worker. */
export const taskName = resourceName('tenants/{tenant}/tasks/{task}');
