import { expect } from 'vitest';
import type { z } from 'zod';
import type { reconciliationDetailAnswer } from '../../api/schemas/reconciliation.ts';
import { REGISTRIES } from '../../providers/registry.ts';
import { startSquareSandbox } from '../../sandbox/square/square-sandbox.ts';
import { startStripeSandbox } from '../../sandbox/stripe/stripe-sandbox.ts';
import { until } from '../support/eventually.ts';
import { squareSandboxControl } from '../support/sandbox/square-merchant.ts';
import type { SquareMerchant } from '../support/sandbox/square-merchant.ts';
import { stripeSandboxOf } from '../support/sandbox/stripe-account.ts';
import type { StripeAccount } from '../support/sandbox/stripe-account.ts';
import { createServiceWorld } from '../support/worlds/service-world.ts';

export type ReconciliationBody = z.output<typeof reconciliationDetailAnswer>;
export type DiscrepancyBody = ReconciliationBody['discrepancies'][number];

export const TIME_ZONE = 'America/New_York';

export interface ReconciledVenue {
  readonly venueId: string;
  readonly connectionId: string;
}

/** The whole service over the stand-in Stripe, with what a venue's backend does to reconcile. */
export async function createReconciliationWorld() {
  const [sandbox, squareSandbox] = await Promise.all([
    startStripeSandbox({ limits: { requestsPerSecond: 0 } }),
    startSquareSandbox(),
  ]);
  const service = await createServiceWorld({
    registries: REGISTRIES,
    env: {
      STRIPE_API_URL: sandbox.apiUrl,
      STRIPE_REQUESTS_PER_SECOND: '2000',
      SQUARE_API_URL: squareSandbox.apiUrl,
      SQUARE_SANDBOX: 'true',
    },
  });
  const stripe = stripeSandboxOf(sandbox);
  const square = squareSandboxControl(squareSandbox);
  const base = ({ venueId }: Pick<ReconciledVenue, 'venueId'>) => `/v1/venues/${venueId}`;

  async function aVenue(): Promise<ReconciledVenue & { readonly account: StripeAccount }> {
    const account = await stripe.addAccount();
    return { account, ...(await connected('stripe', account.secretKey)) };
  }

  async function aSquareVenue(): Promise<ReconciledVenue & { readonly merchant: SquareMerchant }> {
    const merchant = await square.addMerchant();
    return { merchant, ...(await connected('square', merchant.token)) };
  }

  async function connected(provider: string, secretKey: string): Promise<ReconciledVenue> {
    const venue = await service.send('POST', '/v1/venues', {
      json: { name: 'A venue', timeZone: TIME_ZONE, currency: 'USD' },
    });
    const venueId = String(venue.json['id']);
    const connection = await service.send('POST', `/v1/venues/${venueId}/connections`, {
      json: { provider, environment: 'sandbox', credentials: { secretKey } },
    });
    expect(connection.status).toBe(201);
    return { venueId, connectionId: String(connection.json['id']) };
  }

  async function pull(venue: ReconciledVenue, mode: 'full' | 'incremental' = 'full') {
    const { connectionId } = venue;
    const started = await service.send('POST', `${base(venue)}/syncs`, {
      json: { connectionId, resource: 'transactions', direction: 'pull', mode },
    });
    const run = await until(
      async () => {
        const { json } = await service.send('GET', `${base(venue)}/syncs/${String(started.json['id'])}`);
        return json['finishedAt'] === null ? null : json;
      },
      { limitMs: 40_000, what: 'the pull is over' },
    );
    expect(run['outcome']).toMatch(/^completed/);
    return run;
  }

  const start = (venue: ReconciledVenue, days: object = {}) =>
    service.send('POST', `${base(venue)}/reconciliations`, { json: { connectionId: venue.connectionId, ...days } });
  const find = async (venue: ReconciledVenue, id: string) =>
    (await service.send('GET', `${base(venue)}/reconciliations/${id}`)).json as unknown as ReconciliationBody;
  const finished = (venue: ReconciledVenue, id: string) =>
    until(
      async () => {
        const found = await find(venue, id);
        return found.finishedAt === null ? null : found;
      },
      { limitMs: 40_000, what: 'the reconciliation is over' },
    );

  /** From start to end. */
  async function reconcile(venue: ReconciledVenue, days: object): Promise<ReconciliationBody> {
    const started = await start(venue, days);
    expect(started.status).toBe(202);
    const ended = await finished(venue, String(started.json['id']));
    expect(ended).toMatchObject({ phase: 'finished', outcome: 'completed', error: null });
    return ended;
  }

  const repair = (venue: ReconciledVenue, { id }: Pick<DiscrepancyBody, 'id'>) =>
    service.send('POST', `${base(venue)}/discrepancies/${id}/repair`, {
      headers: { 'idempotency-key': crypto.randomUUID() },
    });

  const transactions = async (venue: ReconciledVenue) =>
    (await service.send('GET', `${base(venue)}/records/transactions?limit=200`)).json['data'] as readonly {
      readonly id: string;
      readonly amountMinor: number;
      readonly status: string;
      readonly links: readonly { readonly externalId: string }[];
    }[];

  return {
    ...{ service, stripe, sandbox },
    ...{ aVenue, aSquareVenue, pull, start, find, finished, reconcile, repair, transactions },
    transaction: async (venue: ReconciledVenue, externalId: string) =>
      (await transactions(venue)).find(({ links }) => links[0]?.externalId === externalId),
    reach: async (
      venue: ReconciledVenue,
      reach: { readonly excludedFields?: string[]; readonly historyFrom?: string },
    ) => {
      const path = `${base(venue)}/connections/${venue.connectionId}/reach/transactions`;
      const answer = await service.send('PUT', path, { json: { excludedFields: [], ...reach } });
      expect(answer.status).toBe(200);
    },
    /** Changes the venue's side behind everybody's back, as a bug or a restored backup would. */
    spoil: async (venue: ReconciledVenue, externalId: string, columns: Readonly<Record<string, unknown>>) => {
      const { admin } = service.database;
      const changed = await admin`
        update transactions set ${admin(columns as Record<string, string>)} where id = (select record_id from record_links
          where connection_id = ${venue.connectionId} and external_id = ${externalId}) returning id`;
      expect(changed).toHaveLength(1);
    },
    async close() {
      await service.close();
      await Promise.all([sandbox.close(), squareSandbox.close()]);
    },
  };
}

export type ReconciliationWorld = Awaited<ReturnType<typeof createReconciliationWorld>>;
