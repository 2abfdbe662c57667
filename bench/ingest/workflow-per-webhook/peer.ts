import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { startNodeChild } from '../../../runtime/processes/node-child.ts';
import { freePort } from '../../../runtime/start/ports.ts';
import type { System } from '../../support/system.ts';

export interface WorkflowPerWebhook {
  /** Where the peer takes events, signed with `secret`. */
  readonly url: string;
  readonly secret: string;
  readonly stop: () => Promise<void>;
}

/** Starts the peer on the system's own Temporal server and database. */
export async function startWorkflowPerWebhook(
  { databaseUrl, temporal }: System,
  folder: string,
): Promise<WorkflowPerWebhook> {
  const port = await freePort();
  const secret = `whsec_${randomBytes(12).toString('hex')}`;
  const { stop } = await startNodeChild({
    name: 'the service with a workflow for each webhook',
    entry: 'bench/ingest/workflow-per-webhook/server.ts',
    env: {
      PATH: process.env['PATH'],
      PORT: String(port),
      SECRET: secret,
      DATABASE: databaseUrl,
      TEMPORAL: temporal.address,
      NAMESPACE: temporal.namespace,
    },
    logFile: path.join(folder, 'workflow-per-webhook.log'),
    readyWhen: { line: (line) => line === 'ready' },
  });
  return { url: `http://127.0.0.1:${port}/webhooks/stripe`, secret, stop };
}
