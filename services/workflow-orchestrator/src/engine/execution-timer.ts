/** Name of the timer that ends an execution that takes too long. */
export const executionTimer = 'execution';
