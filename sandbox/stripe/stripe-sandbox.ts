import { CallLog } from '../core/call-log.ts';
import { Faults } from '../core/faults.ts';
import { WebhookQueue } from '../core/webhook-queue.ts';
import { listen } from '../core/http.ts';
import { createControlApi } from '../core/control-api.ts';
import { webhookRoutes } from '../oauth/control.ts';
import { tellOfRevocations } from '../oauth/revocation-webhooks.ts';
import { RateLimiter } from './http/limits.ts';
import type { Limits } from './http/limits.ts';
import { StripeState } from './state/state.ts';
import { createStripeApi } from './stripe-api.ts';
import { newAccount } from './state/account.ts';
import { deauthorizationWriter } from './events/deauthorized.ts';
import { GrantedKeys } from './oauth/granted-keys.ts';
import { stripeControlRoutes } from './control/stripe-control.ts';
import { accountsOf, createStripeOAuth, isOAuthPath, openGrants, stripeApps } from './oauth/stripe-oauth.ts';
import type { StripeApps } from './oauth/stripe-oauth.ts';

export interface StripeSandboxOptions {
  /** 0 or absent takes any free port. */
  readonly port?: number | undefined;
  readonly controlPort?: number | undefined;
  /** A folder that only this sandbox writes to. When absent, state is in memory only. */
  readonly home?: string | undefined;
  /** The keys of account A. When absent: those of an earlier run in the same home, or new ones. */
  readonly secretKey?: string | undefined;
  readonly webhookSecret?: string | undefined;
  /** The platform's endpoint for events on connected accounts. `POST /webhooks` also sets it. */
  readonly webhookUrl?: string | undefined;
  readonly limits?: Partial<Limits> | undefined;
  /** Receives the sandbox's own errors. Writes to standard error by default. */
  readonly onError?: (error: unknown) => void;
}

export interface StripeSandbox extends StripeApps {
  readonly apiUrl: string;
  readonly controlUrl: string;
  /** The secret key of account A. */
  readonly secretKey: string;
  /** The webhook secret of account A and of the platform's endpoint for events on connected accounts. */
  readonly webhookSecret: string;
  /** The base URL of Connect's OAuth. */
  readonly connectUrl: string;
  /** The URL of the page on which the Stripe App is installed. */
  readonly marketplaceUrl: string;
  close(): Promise<void>;
}

/** Starts a stand-in Stripe on loopback. Throws when a port is taken or the journal in `home` is damaged. */
export async function startStripeSandbox(options: StripeSandboxOptions = {}): Promise<StripeSandbox> {
  const state = await StripeState.open(options.home);
  const profile = accountA(state, options);
  if (options.limits) {
    state.commit([
      { op: 'settings', clockOffsetMs: state.clock.offsetMs, limits: { ...state.limits, ...options.limits } },
    ]);
  }
  const onError = options.onError ?? reportError;
  const ledger = await openGrants(options.home, state);
  const apps = stripeApps(ledger);
  const webhooks = new WebhookQueue(options.webhookUrl);
  ledger.onEnded = tellOfRevocations(webhooks, deauthorizationWriter(profile.webhookSecret, 'Interlock'));
  const grantedKeys = new GrantedKeys(state, ledger, apps.platformKey);
  const parts = {
    state,
    ledger,
    accounts: accountsOf(state),
    grantedKeys,
    faults: new Faults(),
    limiter: new RateLimiter(),
    calls: new CallLog(),
    revokedKeys: new Map<string, string | undefined>(),
  };
  const oauth = createStripeOAuth({ ...parts, onError });
  const objects = createStripeApi({ ...parts, onError });
  const api = await listen((req, res) => {
    (isOAuthPath(req.url ?? '') ? oauth : objects)(req, res);
  }, options.port ?? 0);
  const control = await listen(
    createControlApi({ ...stripeControlRoutes(parts), ...webhookRoutes(webhooks) }, onError),
    options.controlPort ?? 0,
  ).catch(async (error: unknown) => {
    await api.close();
    throw error;
  });
  return {
    apiUrl: api.url,
    controlUrl: control.url,
    secretKey: profile.secretKey,
    webhookSecret: profile.webhookSecret,
    connectUrl: api.url,
    marketplaceUrl: `${api.url}/oauth/v2/authorize`,
    ...apps,
    async close() {
      webhooks.close();
      await Promise.all([api.close(), control.close()]);
      state.close();
      ledger.close();
    },
  };
}

function accountA(state: StripeState, { secretKey, webhookSecret }: StripeSandboxOptions) {
  const known =
    state.accounts[0]?.profile ?? newAccount({ name: 'Interlock demonstration venue' }, state.clock.nowSeconds());
  const profile = {
    ...known,
    secretKey: secretKey ?? known.secretKey,
    webhookSecret: webhookSecret ?? known.webhookSecret,
  };
  state.commit([{ op: 'account', profile }]);
  return profile;
}

function reportError(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
}
