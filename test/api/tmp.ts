import { Client, Connection } from '@temporalio/client';
const nowhere = Connection.lazy({ address: '127.0.0.1:1', ...(process.argv[2] ? { connectTimeout: 2000 } : {}) });
const client = new Client({ connection: nowhere });
const t = async (n: string, f: () => Promise<unknown>) => { const s = performance.now(); try { await f(); console.log(n, 'ok'); } catch (e) { console.log(n, Math.round(performance.now() - s), (e as Error).name, (e as Error).message.slice(0,100), ((e as Error).cause as Error)?.message?.slice(0,150)); } };
await t('ping', () => nowhere.withDeadline(Date.now() + 500, () => nowhere.workflowService.describeNamespace({ namespace: 'default' })));
await t('start', () => nowhere.withDeadline(Date.now() + 5000, () => client.workflow.start('x', { taskQueue: 'x', workflowId: 'x' })));
await t('describe', () => nowhere.withDeadline(Date.now() + 5000, () => client.workflow.getHandle('x').describe()));
