import { Client, Connection } from '@temporalio/client';
const c = await Connection.connect({ address: process.argv[2]! });
const client = new Client({ connection: c, namespace: 'default' });
for await (const w of client.workflow.list({ query: "WorkflowType = 'syncConnection' and ExecutionStatus = 'Running'" })) {
  const { raw } = await client.workflow.getHandle(w.workflowId).describe();
  for (const a of raw.pendingActivities ?? []) console.log(new Date().toISOString(), w.workflowId.split('/').slice(3).join('/'), a.activityType?.name, a.attempt, a.state, a.lastFailure?.message, a.lastFailure?.timeoutFailureInfo?.timeoutType, 'next', a.nextAttemptScheduleTime && new Date(Number(a.nextAttemptScheduleTime.seconds) * 1000).toISOString(), 'interval', a.currentRetryInterval?.seconds?.toString());
}
await c.close();
