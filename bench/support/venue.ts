import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { ApiClient } from '../../runtime/cli/api-client.ts';

const withId = z.object({ id: z.uuid() });
const loaded = z.object({ created: z.int(), updated: z.int(), unchanged: z.int(), rejected: z.int() });
const run = z.object({
  id: z.uuid(),
  workflowId: z.string(),
  runId: z.string().nullable(),
  phase: z.string(),
  finishedAt: z.iso.datetime().nullable(),
  outcome: z.string().nullable(),
  counts: z.object({ read: z.int(), created: z.int(), updated: z.int(), unchanged: z.int(), rejected: z.int() }),
  providerCalls: z.int(),
  progress: z.object({ done: z.int() }),
});

export interface Measured extends z.output<typeof run> {
  /** From just before the request that starts the run to its finishing time. */
  readonly wallS: number;
  readonly startedAtMs: number;
}

export interface SyncRequest {
  readonly direction: 'push' | 'pull' | 'both';
  /** Default `full`. */
  readonly mode?: 'full' | 'incremental';
  /** Default `customers`. */
  readonly resource?: 'customers' | 'products' | 'inventory' | 'transactions' | 'invoices';
  readonly limitMs: number;
}

const BATCH = 1_000;
const POLL_MS = 250;

/** A venue as its own backend uses it: over HTTP alone. */
export class Venue {
  readonly id: string;
  readonly connectionId: string;
  readonly #api: ApiClient;

  private constructor(api: ApiClient, { id, connectionId }: { id: string; connectionId: string }) {
    this.#api = api;
    this.id = id;
    this.connectionId = connectionId;
  }

  /** A new venue connected to the provider's account of `secretKey`. */
  static async create(api: ApiClient, secretKey: string, provider = 'stripe'): Promise<Venue> {
    const id = await Venue.open(api);
    return new Venue(api, { id, connectionId: await connect(api, id, { provider, secretKey }) });
  }

  /** The id of a new venue without connections. */
  static async open(api: ApiClient): Promise<string> {
    const body = { name: 'Benchmark', timeZone: 'Europe/Berlin', currency: 'EUR' };
    return withId.parse(await api.post('/v1/venues', body, randomUUID())).id;
  }

  /** A venue that is connected already. */
  static of(api: ApiClient, connected: { readonly id: string; readonly connectionId: string }): Venue {
    return new Venue(api, connected);
  }

  /** The same venue over a restarted API. */
  over(api: ApiClient): Venue {
    return new Venue(api, this);
  }

  /** The same venue with a further connection, which its syncs then use. */
  async connect(secretKey: string, provider = 'stripe'): Promise<Venue> {
    return new Venue(this.#api, {
      id: this.id,
      connectionId: await connect(this.#api, this.id, { provider, secretKey }),
    });
  }

  /** Loads customers 0 to `count` - 1, named by `name` and their number. */
  async load(count: number, name: string): Promise<z.output<typeof loaded>> {
    const sum = { created: 0, updated: 0, unchanged: 0, rejected: 0 };
    for (let from = 0; from < count; from += BATCH) {
      const records = Array.from({ length: Math.min(BATCH, count - from) }, (_, index) =>
        aCustomer(from + index, name),
      );
      const answer = loaded.parse(
        await this.#api.post(`/v1/venues/${this.id}/records/customers/batch`, { records }, randomUUID()),
      );
      for (const key of ['created', 'updated', 'unchanged', 'rejected'] as const) sum[key] += answer[key];
    }
    return sum;
  }

  /** Loads products 0 to `count` - 1, named by `name` and their number, with one price each. */
  async loadProducts(count: number, currency = 'EUR', name = 'Product'): Promise<void> {
    const records = Array.from({ length: count }, (_, index) => ({
      sourceId: `product-${index}`,
      name: `${name} ${index}`,
      amountMinor: 1_000 + index,
      currency,
      active: true,
    }));
    for (let from = 0; from < count; from += BATCH) {
      await this.#api.post(
        `/v1/venues/${this.id}/records/products/batch`,
        { records: records.slice(from, from + BATCH) },
        randomUUID(),
      );
    }
  }

  /** Loads invoices 0 to `count` - 1, each with a number and one line of product 0, of customer 0. */
  async loadInvoices(count: number, currency: string): Promise<void> {
    const sums = { subtotalMinor: 1_000, taxMinor: 0, totalMinor: 1_000, amountDueMinor: 1_000 };
    const line = { description: 'A box', quantity: '1', unitAmount: '10', amountMinor: 1_000 };
    const records = Array.from({ length: count }, (_, index) => ({
      ...{ sourceId: `invoice-${index}`, number: `B-${index}`, status: 'open', currency, ...sums },
      ...{
        issuedAt: '2026-11-02T00:00:00Z',
        dueAt: '2026-12-02T00:00:00Z',
        customerSourceId: aCustomer(0, '').sourceId,
      },
      lines: [{ ...line, productSourceId: 'product-0' }],
    }));
    for (let from = 0; from < count; from += BATCH) {
      await this.#api.post(
        `/v1/venues/${this.id}/records/invoices/batch`,
        { records: records.slice(from, from + BATCH) },
        randomUUID(),
      );
    }
  }

  /** Loads one count for each of products 0 to `count` - 1, which `loadProducts` has loaded. */
  async loadCounts(count: number, location: string): Promise<void> {
    const records = Array.from({ length: count }, (_, index) => ({
      sourceId: `count-${index}`,
      productSourceId: `product-${index}`,
      location,
      quantity: String(index % 100),
      countedAt: '2026-11-01T08:00:00Z',
    }));
    for (let from = 0; from < count; from += BATCH)
      await this.#api.post(
        `/v1/venues/${this.id}/records/inventory/batch`,
        { records: records.slice(from, from + BATCH) },
        randomUUID(),
      );
  }

  /** Runs a sync from its request to its end. @throws when it does not complete within `limitMs`. */
  async sync(request: SyncRequest): Promise<Measured> {
    const startedAtMs = Date.now();
    const { id } = await this.start(request);
    for (;;) {
      const now = run.parse(await this.#api.get(`/v1/venues/${this.id}/syncs/${id}`));
      if (now.finishedAt !== null) {
        if (now.outcome !== 'completed')
          throw new Error(`the ${request.direction} ended as ${now.outcome ?? 'nothing'}`);
        return { ...now, startedAtMs, wallS: (Date.parse(now.finishedAt) - startedAtMs) / 1_000 };
      }
      if (Date.now() - startedAtMs > request.limitMs)
        throw new Error(`the ${request.direction} is still in phase ${now.phase} after ${request.limitMs / 1_000} s`);
      await sleep(POLL_MS);
    }
  }

  /** Records that a run has finished so far. */
  async done(syncId: string): Promise<number> {
    return run.parse(await this.#api.get(`/v1/venues/${this.id}/syncs/${syncId}`)).progress.done;
  }

  async start({
    direction,
    mode = 'full',
    resource = 'customers',
  }: Omit<SyncRequest, 'limitMs'>): Promise<z.output<typeof run>> {
    const body = { connectionId: this.connectionId, resource, direction, mode };
    return run.parse(await this.#api.post(`/v1/venues/${this.id}/syncs`, body, randomUUID()));
  }
}

async function connect(
  api: ApiClient,
  venueId: string,
  { provider, secretKey }: { readonly provider: string; readonly secretKey: string },
): Promise<string> {
  // Mailchimp has no test mode.
  const environment = provider === 'mailchimp' ? 'production' : 'sandbox';
  const body = { provider, environment, credentials: { secretKey } };
  return withId.parse(await api.post(`/v1/venues/${venueId}/connections`, body, randomUUID())).id;
}

const aCustomer = (no: number, name: string) => ({
  sourceId: `c-${no}`,
  name: `${name} ${no}`,
  email: `customer-${no}@example.com`,
  address: { line1: `${no} High Street`, city: 'Berlin', postalCode: '10115', country: 'DE' },
  metadata: { tier: String(no % 3) },
});
