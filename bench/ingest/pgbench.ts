import { writeFileSync } from 'node:fs';
import path from 'node:path';
import postgres from 'postgres';
import { runCommand } from '../../runtime/processes/run-command.ts';

export interface PgbenchOptions {
  readonly folder: string;
  readonly clients: number;
  readonly seconds: number;
}

/** As long as an event of the benchmark. */
const BODY = 'x'.repeat(400);
const SCRIPT = `insert into pgbench_events (id, body) values (gen_random_uuid(), '${BODY}');\n`;

/** Single-row inserts a second, each in a transaction of its own. Needs `pgbench` in the path. */
export async function insertsASecond(
  databaseUrl: string,
  { folder, clients, seconds }: PgbenchOptions,
): Promise<number> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
  try {
    await sql`create table if not exists pgbench_events (id uuid primary key, body bytea not null)`;
  } finally {
    await sql.end().catch(() => undefined);
  }
  const script = path.join(folder, 'insert.sql');
  writeFileSync(script, SCRIPT);
  const options = [
    '--no-vacuum',
    '--file',
    script,
    '--client',
    String(clients),
    '--jobs',
    '1',
    '--time',
    String(seconds),
  ];
  const output = await runCommand('pgbench', [...options, databaseUrl], { timeoutMs: (seconds + 60) * 1_000 });
  const rate = /^tps = ([\d.]+)/m.exec(output)?.[1];
  if (rate === undefined) throw new Error('pgbench printed no rate');
  return Number(rate);
}
