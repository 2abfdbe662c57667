import { readFileSync } from 'node:fs';
import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type postgres from 'postgres';
import { bytesIn, textOf } from '../support/history.ts';
import type { Source } from './scan.ts';

/** Every row of every table, as text and as JSON, which has bytes in hex. */
export async function tables(sql: postgres.Sql): Promise<readonly Source[]> {
  const names = await sql<{ name: string }[]>`select tablename as name from pg_tables where schemaname = 'public'`;
  return Promise.all(
    names.map(async ({ name }) => {
      const rows = await sql<
        { line: string; json: string }[]
      >`select t::text as line, to_jsonb(t)::text as json from ${sql(name)} t`;
      return { name: `table ${name}`, text: rows.map(({ line, json }) => `${line}\n${json}`).join('\n') };
    }),
  );
}

/**
 * All text of every workflow: history, memo, search attributes, details, summaries; with payloads and base64 decoded.
 */
export async function workflows(client: Client): Promise<readonly Source[]> {
  const sources: Source[] = [];
  for await (const { workflowId, runId, type } of client.workflow.list()) {
    const handle = client.workflow.getHandle(workflowId, runId);
    const [history, description] = await Promise.all([handle.fetchHistory(), handle.describe()]);
    const decoded = textOf(history);
    const bytes = bytesIn(history).map((one) => Buffer.from(one).toString('hex'));
    sources.push({
      name: `history of ${type}`,
      text: [historyToJSON(history), decoded, unpacked(decoded), ...bytes].join('\n'),
    });
    sources.push({
      name: `description of ${type}`,
      text: [
        textOf(description.raw),
        textOf(description.memo),
        textOf(description.typedSearchAttributes.getAll()),
      ].join('\n'),
    });
  }
  for await (const { scheduleId } of client.schedule.list()) {
    sources.push({ name: 'schedule', text: textOf((await client.schedule.getHandle(scheduleId).describe()).raw) });
  }
  return sources;
}

/** Decodes everything that looks like base64, to hex, so that binary data is searched too. */
const unpacked = (text: string): string =>
  [...text.matchAll(/[A-Za-z0-9+/]{40,}={0,2}/g)]
    .map(([base64]) => Buffer.from(base64, 'base64').toString('hex'))
    .join('\n');

export const log = (name: string, file: string): Source => ({
  name: `log of ${name}`,
  text: readFileSync(file, 'utf8'),
});
