import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import express from 'express';
import postgres from 'postgres';
import { Stripe } from 'stripe';
import { z } from 'zod';
import type { handleEvent } from './workflows.ts';

// A service as it is often built on Temporal: each webhook starts a workflow, named by the event, whose one activity
// stores what the event did.

export interface Activities {
  readonly applyEvent: (id: string, account: string) => Promise<void>;
}

const TASK_QUEUE = 'workflow-per-webhook';
const settings = z
  .object({ PORT: z.string(), SECRET: z.string(), DATABASE: z.string(), TEMPORAL: z.string(), NAMESPACE: z.string() })
  .parse(process.env);
const eventSchema = z.object({ id: z.string(), account: z.string() });

async function main(): Promise<void> {
  const sql = postgres(settings.DATABASE, { max: 10, onnotice: () => undefined });
  await sql`create table if not exists applied_by_workflow (id text primary key, account text, at timestamptz not null default now())`;
  const activities: Activities = {
    applyEvent: async (id, account) => {
      await sql`insert into applied_by_workflow (id, account) values (${id}, ${account}) on conflict do nothing`;
    },
  };
  const worker = await Worker.create({
    connection: await NativeConnection.connect({ address: settings.TEMPORAL }),
    namespace: settings.NAMESPACE,
    taskQueue: TASK_QUEUE,
    workflowsPath: fileURLToPath(new URL('workflows.ts', import.meta.url)),
    activities,
  });
  const client = new Client({
    connection: await Connection.connect({ address: settings.TEMPORAL }),
    namespace: settings.NAMESPACE,
  });
  const app = express();
  app.post('/webhooks/stripe', express.raw({ type: '*/*' }), async (req, res) => {
    const body = req.body as Buffer;
    Stripe.webhooks.signature?.verifyHeader(body, req.get('stripe-signature') ?? '', settings.SECRET);
    const { id, account } = eventSchema.parse(JSON.parse(body.toString()));
    await client.workflow.start<typeof handleEvent>('handleEvent', {
      workflowId: `peer/${id}`,
      taskQueue: TASK_QUEUE,
      args: [id, account],
    });
    res.json({ received: true });
  });
  await new Promise<void>((resolve) => {
    app.listen(Number(settings.PORT), '127.0.0.1', () => {
      resolve();
    });
  });
  process.on('SIGTERM', () => process.exit(0));
  const running = worker.run();
  console.log('ready');
  await running;
}

await main();
