import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Resource } from '../../../contracts/providers.ts';
import type { TransactionFields } from '../../../records/transactions.ts';
import type {
  Call,
  ListQuery,
  PullPlan,
  ProviderPage,
  ProviderRecord,
  ResourceSession,
  ResourceWriter,
} from '../../../providers/provider.ts';
import { ProviderError } from '../../../providers/provider-error.ts';
import { createStripeAdapter } from '../../../providers/stripe/adapter.ts';
import { startStripeSandbox } from '../../../sandbox/stripe/stripe-sandbox.ts';
import { Secret } from '../../../vault/secret.ts';
import { sandboxControl } from '../../support/sandbox/sandbox-control.ts';

export interface SandboxAccount {
  readonly id: string;
  readonly secretKey: string;
  readonly restrictedKey: string;
  readonly expiredKey: string;
}

/** The adapter against a sandbox without limits. */
export async function createStripeWorld() {
  const sandbox = await startStripeSandbox({ limits: { requestsPerSecond: 0, searchDelayMs: 0 } });
  const stripe = sandboxControl(sandbox.controlUrl);
  const adapter = createStripeAdapter({ apiUrl: sandbox.apiUrl });
  let counted = 0;
  const call: Call = (request) => {
    counted += 1;
    return request();
  };
  const open = (secretKey = sandbox.secretKey, signal?: AbortSignal) =>
    adapter.open({ secretKey: new Secret(secretKey), signal, call });
  return {
    sandbox,
    stripe,
    adapter,
    open,
    customers: (signal?: AbortSignal): ResourceSession => open(sandbox.secretKey, signal).resource('customers'),
    resource: (resource: Resource): ResourceSession => open().resource(resource),
    mapping: adapter.mapping('customers'),
    /** HTTP calls, counted like the pipeline does, since the last reset. */
    counted: () => counted,
    /** The calls of the work, counted like the pipeline does; Stripe must have received the same number. */
    async callsOf(work: () => Promise<unknown>): Promise<number> {
      const [before, seen] = [counted, (await stripe.calls()).length];
      await work();
      const [calls, requests] = [counted - before, (await stripe.calls()).length - seen];
      if (calls !== requests) throw new Error(`${calls} calls were counted and ${requests} were made`);
      return calls;
    },
    /** Stripe's own objects in their present state. */
    async state<T = Readonly<Record<string, unknown>>>(resource: string): Promise<readonly T[]> {
      const response = await fetch(`${sandbox.controlUrl}/state/${resource}`);
      if (!response.ok) throw new Error(`${resource}: ${response.status}`);
      return ((await response.json()) as { readonly data: readonly T[] }).data;
    },
    /** Creates records as another client would. Returns the ids of all existing records, or of the given ones. */
    async seed(
      resource: string,
      what: { readonly count: number } | { readonly records: readonly object[] },
    ): Promise<readonly string[]> {
      const { ids } = (await stripe.seed({ resource, ...what })) as { readonly ids: readonly string[] };
      return 'records' in what ? ids : (await this.state<{ readonly id: string }>(resource)).map(({ id }) => id);
    },
    /** A call by another client. */
    async ask(
      method: string,
      path: string,
      params: Readonly<Record<string, string>> = {},
    ): Promise<Readonly<Record<string, unknown>>> {
      const body = method === 'GET' || Object.keys(params).length === 0 ? {} : { body: new URLSearchParams(params) };
      const response = await fetch(`${sandbox.apiUrl}/v1/${path}`, {
        method,
        headers: { authorization: `Bearer ${sandbox.secretKey}` },
        ...body,
      });
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
      return (await response.json()) as Readonly<Record<string, unknown>>;
    },
    async accounts(): Promise<readonly SandboxAccount[]> {
      const response = await fetch(`${sandbox.controlUrl}/accounts`);
      return ((await response.json()) as { readonly data: readonly SandboxAccount[] }).data;
    },
    /** A reset restores the default limits. */
    async reset() {
      await stripe.reset();
      await stripe.limits({ requestsPerSecond: 0, searchDelayMs: 0 });
      counted = 0;
    },
    close: () => sandbox.close(),
  };
}

export type StripeWorld = Awaited<ReturnType<typeof createStripeWorld>>;

/** A server whose answers no well-behaved provider would send. */
export async function aStrangeServer(answer: (req: IncomingMessage, res: ServerResponse) => void) {
  let requests = 0;
  const server = createServer((req, res) => {
    requests += 1;
    answer(req, res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    apiUrl,
    requests: () => requests,
    open: (secretKey = 'sk_test_strange', signal?: AbortSignal) =>
      createStripeAdapter({ apiUrl }).open({ secretKey: new Secret(secretKey), signal, call: (request) => request() }),
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

/** The ProviderError with which the work ends; any other outcome fails the test. */
export async function refusalOf(work: Promise<unknown>): Promise<ProviderError> {
  const outcome: unknown = await work.then(
    (value) => ({ value }),
    (error: unknown) => error,
  );
  if (outcome instanceof ProviderError) return outcome;
  throw new Error('no ProviderError but something else', { cause: outcome });
}

/** Merges two readings of a record like the store: the newer one, with values that only the older one knows. */
export function mergeReadings(one: ProviderRecord, other: ProviderRecord | undefined): ProviderRecord {
  if (!other) return one;
  const [newer, older] = one.version > other.version ? [one, other] : [other, one];
  const [now, before] = [newer.fields as TransactionFields, older.fields as TransactionFields];
  const occurredAt = before.posted === true && now.posted !== true ? before.occurredAt : now.occurredAt;
  return {
    ...newer,
    fields: {
      ...now,
      occurredAt,
      posted: now.posted === true || before.posted === true,
      feeMinor: now.feeMinor ?? before.feeMinor,
    },
  };
}

export const allOf = (stream: string): ListQuery => ({
  stream,
  fromEpochS: null,
  toEpochS: 4_000_000_000,
  after: null,
});
export const LISTING = allOf('customers');

export function writerOf({ writer }: ResourceSession): ResourceWriter {
  if (writer === null) throw new Error('the resource is only read');
  return writer;
}

/** The names of a plan's lists, stage by stage. */
export const namesOf = (stages: PullPlan['listing'] = []): readonly (readonly string[])[] =>
  stages.map((streams) => streams.map(({ name }) => name));

/** Reads one of a resource's lists to its end. */
export async function readAll(session: ResourceSession, query: ListQuery): Promise<readonly ProviderPage[]> {
  const pages: ProviderPage[] = [];
  let after: ListQuery['after'] = null;
  do {
    const page = await session.listPage({ ...query, after });
    pages.push(page);
    after = page.after;
  } while (after !== null);
  return pages;
}
