import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { VARIABLES } from '../../config/variables.ts';
import { ApiClient } from '../../runtime/cli/api-client.ts';
import { FREE_PORTS } from '../../runtime/start/bring-up.ts';
import { readJson } from '../../runtime/start/files.ts';
import { startNodeChild } from '../../runtime/processes/node-child.ts';
import { mailchimpSandboxControl } from '../../test/support/sandbox/mailchimp-account.ts';
import { quickbooksSandboxControl } from '../../test/support/sandbox/quickbooks-company.ts';
import { squareSandboxControl } from '../../test/support/sandbox/square-merchant.ts';
import { sandboxControl } from '../../test/support/sandbox/sandbox-control.ts';
import { xeroSandboxControl } from '../../test/support/sandbox/xero-organisation.ts';

const standIn = z.object({ apiUrl: z.string(), controlUrl: z.string() });
const appStandIn = standIn.extend({ clientId: z.string(), clientSecret: z.string() });
const started = z.object({
  apiUrl: z.string(),
  temporalAddress: z.string(),
  temporalNamespace: z.string(),
  sandbox: z.object({
    stripe: standIn.extend({ webhookSecret: z.string() }),
    square: standIn,
    quickbooks: appStandIn,
    mailchimp: standIn,
    xero: appStandIn,
  }),
  token: z.string(),
  databaseUrl: z.string(),
  pids: z.object({ api: z.int(), worker: z.int(), postgres: z.int(), temporal: z.int(), sandbox: z.int() }),
});

/** A complete Interlock of real processes, as `npm start` runs it. */
export interface System {
  readonly api: ApiClient;
  readonly apiUrl: string;
  readonly token: string;
  readonly databaseUrl: string;
  readonly pids: z.output<typeof started>['pids'];
  readonly temporal: { readonly address: string; readonly namespace: string };
  /** The base URL of the stand-in Stripe's API. */
  readonly stripeApiUrl: string;
  /** Signs the events that stand-in Stripe sends to the service. */
  readonly stripeWebhookSecret: string;
  readonly stripe: ReturnType<typeof sandboxControl>;
  readonly square: ReturnType<typeof squareSandboxControl>;
  readonly quickbooks: ReturnType<typeof quickbooksSandboxControl>;
  readonly mailchimp: ReturnType<typeof mailchimpSandboxControl>;
  readonly xero: ReturnType<typeof xeroSandboxControl>;
}

/** The environment of an isolated system: inherits none of our variables, not even from `.env`, and uses free ports. */
export function ownEnvironment(): Record<string, string | undefined> {
  const blank = Object.fromEntries(Object.keys(VARIABLES).map((name) => [name, '']));
  return { ...process.env, ...blank, ...FREE_PORTS };
}

/** Runs `work` with the path of a temporary folder. */
export async function withFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(path.join(tmpdir(), 'interlock-bench-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export interface SystemOptions {
  /** Kept across restarts, for example with another `requestsPerSecond`. */
  readonly home: string;
  /** The worker's budget for one Stripe account. */
  readonly requestsPerSecond: number;
  /** Another checkout to run, with its packages installed; this one without it. */
  readonly checkout?: string;
}

/** Starts a system, runs `work`, and stops it, even when this process is killed. */
export async function withSystem<Result>(
  { home, requestsPerSecond, checkout }: SystemOptions,
  work: (system: System) => Promise<Result>,
): Promise<Result> {
  const env = {
    ...ownEnvironment(),
    INTERLOCK_HOME: home,
    LOG_LEVEL: 'warn',
    STRIPE_REQUESTS_PER_SECOND: String(requestsPerSecond),
    // Raise the limits, because one caller sends the whole load to one venue and the service is measured, not its
    // limits.
    RATE_LIMIT_PER_CALLER_PER_MINUTE: '1000000',
    RATE_LIMIT_PER_VENUE_PER_MINUTE: '1000000',
  };
  const child = await startNodeChild({
    name: 'the system',
    entry: checkout === undefined ? 'runtime/start.ts' : path.resolve(checkout, 'runtime/start.ts'),
    env,
    logFile: path.join(home, 'bench.log'),
    readyWhen: { line: (line) => line.startsWith('Ready after') },
    limitMs: 300_000,
    graceMs: 90_000,
  });
  try {
    const { apiUrl, token, databaseUrl, temporalAddress, temporalNamespace, sandbox, pids } = started.parse(
      readJson(path.join(home, 'started.json')),
    );
    return await work({
      api: new ApiClient(apiUrl, token),
      apiUrl,
      token,
      databaseUrl,
      pids,
      temporal: { address: temporalAddress, namespace: temporalNamespace },
      stripeApiUrl: sandbox.stripe.apiUrl,
      stripeWebhookSecret: sandbox.stripe.webhookSecret,
      stripe: sandboxControl(sandbox.stripe.controlUrl),
      square: squareSandboxControl(sandbox.square),
      quickbooks: quickbooksSandboxControl(sandbox.quickbooks),
      mailchimp: mailchimpSandboxControl(sandbox.mailchimp),
      xero: xeroSandboxControl(sandbox.xero),
    });
  } finally {
    await child.stop();
  }
}
