import { proxyActivities } from '@temporalio/workflow';

/** Calls the activity `work` on a queue. For tests of workers without the rest of the service. */
export function callOnce({
  taskQueue,
  input,
}: {
  readonly taskQueue: string;
  readonly input: unknown;
}): Promise<unknown> {
  const { work } = proxyActivities<{ work: (input: unknown) => Promise<unknown> }>({
    taskQueue,
    startToCloseTimeout: '5 minutes',
  });
  return work(input);
}
