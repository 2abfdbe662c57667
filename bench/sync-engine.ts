import { writeFileSync } from 'node:fs';
import path from 'node:path';
import postgres from 'postgres';
import { z } from 'zod';
import { runCommand } from '../runtime/processes/run-command.ts';
import { load, round } from './support/report.ts';
import { withFolder, withSystem } from './support/system.ts';
import { Venue } from './support/venue.ts';
import type { Row } from './support/report.ts';
import type { System } from './support/system.ts';

export interface SyncEngineOptions {
  readonly records: number;
  readonly rate: number;
  readonly latencyMs: number;
  readonly repeats: number;
}

/** Pinned, because the figure is compared between builds. */
const PACKAGES = ['@supabase/stripe-sync-engine@0.48.5', 'stripe@23.1.0'];
const INSTALL_LIMIT_MS = 300_000;
const LIMIT_MS = 300_000;
const MIN_RATIO = 8;

/**
 * Reads its orders from the environment, and prints the seconds of the backfill and the number of its rows. CommonJS: as
 * an ES module the engine's runMigrations migrates nothing (findings/stripe-sync-engine-es-module-migrations.sh).
 */
const DRIVER = `
const { StripeSync, runMigrations } = require('@supabase/stripe-sync-engine');
const pg = require('pg');
const Stripe = require('stripe');

async function main() {
  const { DATABASE, STRIPE_URL, SECRET_KEY } = process.env;
  await runMigrations({ databaseUrl: DATABASE, schema: 'stripe' });
  const engine = new StripeSync({
    poolConfig: { connectionString: DATABASE, max: 10 },
    stripeSecretKey: SECRET_KEY,
    stripeWebhookSecret: 'whsec_unused',
  });
  const url = new URL(STRIPE_URL);
  engine.stripe = new Stripe(SECRET_KEY, { host: url.hostname, port: url.port, protocol: 'http' });
  const startedAt = performance.now();
  await engine.syncBackfill({ object: 'customer' });
  const seconds = (performance.now() - startedAt) / 1_000;
  const client = new pg.Client(DATABASE);
  await client.connect();
  const { rows } = await client.query('select count(*)::int as count from stripe.customers');
  process.stdout.write(JSON.stringify({ seconds, rows: rows[0].count }), () => process.exit(0));
}
main().catch((error) => {
  process.stderr.write(String(error), () => process.exit(1));
});
`;
const answer = z.object({ seconds: z.number(), rows: z.int() });

/** Pulls an account's customers with this service and with Supabase's stripe-sync-engine, in turn, from one stand-in. */
export async function benchSyncEngine(options: SyncEngineOptions): Promise<readonly Row[]> {
  return withFolder(async (home) =>
    withFolder(async (folder) => {
      writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ private: true }));
      writeFileSync(path.join(folder, 'driver.cjs'), DRIVER);
      await runCommand('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', '--silent', ...PACKAGES], {
        timeoutMs: INSTALL_LIMIT_MS,
      });
      return withSystem({ home, requestsPerSecond: options.rate }, (system) => inTurn(system, folder, options));
    }),
  );
}

async function inTurn(system: System, folder: string, options: SyncEngineOptions): Promise<readonly Row[]> {
  const { records, rate, latencyMs, repeats } = options;
  const { stripe, api } = system;
  const { id: account, secretKey } = await stripe.addAccount();
  await stripe.seed({ resource: 'customers', account, count: records });
  const rows: Row[] = [];
  for (let repeat = 1; repeat <= repeats; repeat += 1) {
    await stripe.limits({ latencyMs: 0 });
    const venue = await Venue.create(api, secretKey);
    await stripe.limits({ latencyMs, requestsPerSecond: rate });
    const run = await venue.sync({ direction: 'pull', limitMs: LIMIT_MS });
    const theirs = await backfill(system, folder, { secretKey, name: `engine_${repeat}` });
    if (run.counts.created !== records || theirs.rows !== records)
      throw new Error(`${run.counts.created} and ${theirs.rows} of ${records} customers were stored`);
    const ratio = theirs.seconds / run.wallS;
    rows.push({
      what: `${records} customers at ${rate}/s and ${latencyMs} ms, run ${repeat}`,
      seconds: round(run.wallS),
      engineSeconds: round(theirs.seconds),
      ratio: round(ratio),
      load: load(),
      goal: `≥ ${MIN_RATIO} × faster`,
      met: ratio >= MIN_RATIO,
    });
  }
  return rows;
}

/** Gives the engine a database of its own on the same server, and times its backfill alone, without start and migrations. */
async function backfill(
  { databaseUrl, stripeApiUrl }: System,
  folder: string,
  { secretKey, name }: { readonly secretKey: string; readonly name: string },
): Promise<z.output<typeof answer>> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
  try {
    await sql`create database ${sql(name)}`;
  } finally {
    await sql.end().catch(() => undefined);
  }
  const url = new URL(databaseUrl);
  url.pathname = `/${name}`;
  const output = await runCommand(process.execPath, [path.join(folder, 'driver.cjs')], {
    timeoutMs: LIMIT_MS,
    env: { PATH: process.env['PATH'], DATABASE: url.href, STRIPE_URL: stripeApiUrl, SECRET_KEY: secretKey },
  });
  return answer.parse(JSON.parse(output.trim().split('\n').at(-1) ?? ''));
}
