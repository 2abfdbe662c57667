import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from './server.ts';

const { applyEvent } = proxyActivities<Activities>({ startToCloseTimeout: '1 minute' });

/** The whole workflow of the peer: one event, one activity. */
export async function handleEvent(id: string, account: string): Promise<void> {
  await applyEvent(id, account);
}
