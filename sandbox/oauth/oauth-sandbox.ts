import { CallLog } from '../core/call-log.ts';
import { createControlApi } from '../core/control-api.ts';
import type { ControlRoutes } from '../core/control-api.ts';
import { Faults } from '../core/faults.ts';
import { listen } from '../core/http.ts';
import { WebhookQueue } from '../core/webhook-queue.ts';
import { consentRoutes } from './consent.ts';
import type { ConsentRules } from './consent.ts';
import { controlRoutes, webhookRoutes } from './control.ts';
import type { AccountBook, Reply, Route } from './exchange.ts';
import { Ledger } from './ledger.ts';
import { put } from './ledger-rows.ts';
import type { Account, App } from './ledger-rows.ts';
import { tellOfRevocations } from './revocation-webhooks.ts';
import type { RevocationWriter } from './revocation-webhooks.ts';
import { createService, NO_RECORDS } from './service.ts';
import type { RecordService } from './service.ts';

export interface OAuthSandboxOptions {
  /** 0 or absent takes any free port. */
  readonly port?: number | undefined;
  readonly controlPort?: number | undefined;
  /** A folder that only this sandbox writes to. When absent, state is in memory only. */
  readonly home?: string | undefined;
  /** Where webhooks are sent, for a provider that sends any. `POST /webhooks` also sets it. */
  readonly webhookUrl?: string | undefined;
  /** Receives the sandbox's own errors. Writes to standard error by default. */
  readonly onError?: (error: unknown) => void;
}

export interface OAuthSandbox {
  readonly apiUrl: string;
  readonly controlUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** The secret that signs webhooks, for a provider that sends any. */
  readonly webhookSecret?: string;
  close(): Promise<void>;
}

/** What the records of a stand-in are built on. */
export interface RecordHost {
  readonly ledger: Ledger;
  readonly accounts: AccountBook;
  readonly home: string | undefined;
  readonly app: App;
  /** What is sent by itself, for a provider that sends anything. */
  readonly webhooks: WebhookQueue;
}

/** The records of a stand-in. */
export interface RecordPart {
  readonly service: RecordService;
  /** The control API, given the routes that every stand-in has. */
  readonly controls: (base: ControlRoutes) => ControlRoutes;
  close(): void;
}

const NOTHING_KEPT: RecordPart = { service: NO_RECORDS, controls: (base) => base, close: () => undefined };

const openRecords = async ({ records }: Pick<ProviderRules, 'records'>, host: RecordHost): Promise<RecordPart> =>
  (await records?.(host)) ?? NOTHING_KEPT;

/** The rules that make a stand-in one particular provider. */
export interface ProviderRules {
  /** Name of its journal. */
  readonly name: string;
  readonly consent: ConsentRules;
  readonly routes: readonly Route[];
  readonly refuse: (status: number, code?: string) => Reply;
  /** A failure inside a 200, for a provider that has such answers. */
  readonly insideSuccess?: (code?: string) => Reply;
  readonly headers?: (requestId: string) => Readonly<Record<string, string>>;
  readonly newApp: () => Pick<App, 'id' | 'secret'>;
  readonly newAccount: (name: string) => Account;
  /** The accounts that exist from the start. */
  readonly accountNames: readonly string[];
  /** Absent for a stand-in that keeps nothing of an account but its grants. */
  readonly records?: (host: RecordHost) => Promise<RecordPart>;
  /** What the control API of this stand-in has besides. */
  readonly controls?: (ledger: Ledger) => ControlRoutes;
  /** Absent for a provider that sends no webhooks. */
  readonly webhooks?: {
    readonly secretOf: (app: App) => string;
    readonly writer: (app: App) => RevocationWriter;
    readonly control: (app: App) => ControlRoutes;
  };
}

/** Starts a stand-in on loopback. Throws when a port is taken or the journal in `home` is damaged. */
export async function startOAuthSandbox(
  rules: ProviderRules,
  options: OAuthSandboxOptions = {},
): Promise<OAuthSandbox> {
  const { name, consent, routes, refuse, insideSuccess, headers, newAccount } = rules;
  const ledger = await Ledger.open({ home: options.home, name });
  const [known] = ledger.all('apps');
  const app = known ?? { ...rules.newApp(), flow: consent.flow, redirectUris: [] };
  if (!known) ledger.commit([put('apps', app), ...rules.accountNames.map((each) => put('accounts', newAccount(each)))]);

  const onError = options.onError ?? reportError;
  const accounts = accountsIn(ledger, newAccount);
  const parts = { ledger, accounts, faults: new Faults(), calls: new CallLog(), onError };
  const webhooks = new WebhookQueue(options.webhookUrl);
  const records = await openRecords(rules, { ledger, accounts, app, webhooks, home: options.home });
  const service = createService({
    ...parts,
    records: records.service,
    routes: [...consentRoutes(consent), ...routes],
    refuse,
    insideSuccess,
    ...(headers && { headers }),
  });
  const api = await listen(service, options.port ?? 0);
  const sender = openWebhooks(rules, { app, ledger, webhooks });
  const base = {
    ...controlRoutes({ ...parts, consents: [consent], keptAccounts: rules.accountNames.length }),
    ...sender?.controls,
    ...ownControls(rules, ledger),
  };
  const controls = records.controls(base);
  const control = await listen(createControlApi(controls, onError), options.controlPort ?? 0).catch(
    async (error: unknown) => {
      await api.close();
      throw error;
    },
  );
  return {
    apiUrl: api.url,
    controlUrl: control.url,
    clientId: app.id,
    clientSecret: app.secret,
    ...(sender && { webhookSecret: sender.secret }),
    async close() {
      webhooks.close();
      records.close();
      await Promise.all([api.close(), control.close()]);
      ledger.close();
    },
  };
}

const ownControls = ({ controls }: ProviderRules, ledger: Ledger): ControlRoutes => controls?.(ledger) ?? {};

/** Undefined for a provider that sends no webhooks. */
function openWebhooks(
  { webhooks: own }: ProviderRules,
  { app, ledger, webhooks }: { readonly app: App; readonly ledger: Ledger; readonly webhooks: WebhookQueue },
) {
  if (!own) return undefined;
  ledger.onEnded = tellOfRevocations(webhooks, own.writer(app));
  return {
    secret: own.secretOf(app),
    controls: { ...webhookRoutes(webhooks), ...own.control(app) },
  };
}

function accountsIn(ledger: Ledger, newAccount: ProviderRules['newAccount']): AccountBook {
  return {
    list: () => ledger.all('accounts'),
    add(name) {
      const account = newAccount(name ?? `Venue ${ledger.all('accounts').length + 1}`);
      ledger.commit([put('accounts', account)]);
      return account;
    },
  };
}

function reportError(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
}
