import type { Client } from '@temporalio/client';
import { repairWorkflowId } from '../../contracts/reconciliation.ts';
import type { DiscrepancyId } from '../../contracts/ids.ts';
import { until } from '../support/eventually.ts';
import type { ServiceClient } from '../support/service-client.ts';
import type { StripeAccount, StripeSandboxControl } from '../support/sandbox/stripe-account.ts';

interface Reconciled {
  readonly id: string;
  readonly phase: string;
  readonly finishedAt: string | null;
  readonly workflowId: string;
  readonly runId: string | null;
  readonly discrepancies: readonly { readonly id: DiscrepancyId }[];
}

interface Scene {
  readonly venueId: string;
  readonly connectionId: string;
  readonly account: StripeAccount;
}

export interface ReconciliationSceneDeps {
  readonly api: ServiceClient;
  readonly temporal: Client;
  readonly stripe: StripeSandboxControl;
}

const DAYS = { from: '2026-03-08', to: '2026-03-08' };

/** Scenes of `record-history.ts`: a reconciliation that completes, one that waits and is woken, one that is cancelled, and a repair. */
export function reconciliationScenes({ api, temporal, stripe }: ReconciliationSceneDeps) {
  async function aVenue(): Promise<Scene> {
    const [account, venueId] = await Promise.all([stripe.addAccount(), api.createVenue()]);
    const created = Date.parse('2026-03-08T12:00:00Z') / 1_000;
    await account.put('charges', [{ id: 'ch_1', amount: 100, created }]);
    const { id: connectionId } = await api.connect(venueId, account.secretKey);
    return { venueId, connectionId, account };
  }
  const start = async ({ venueId, connectionId }: Scene) =>
    (await api.tryPost(`/v1/venues/${venueId}/reconciliations`, { connectionId, ...DAYS })).body as Reconciled;
  const reached = ({ venueId }: Scene, { id }: Reconciled, isThere: (one: Reconciled) => boolean) =>
    until(
      async () => {
        const found = await api.get<Reconciled>(`/v1/venues/${venueId}/reconciliations/${id}`);
        return isThere(found) ? found : null;
      },
      { limitMs: 60_000, what: 'the reconciliation is as the scene needs it' },
    );
  const isOver = ({ finishedAt }: Reconciled) => finishedAt !== null;

  return {
    async 'reconcile-connection.completed'() {
      const venue = await aVenue();
      return { 'reconcile-connection.completed': await reached(venue, await start(venue), isOver) };
    },
    async 'reconcile-connection.waited-and-woken'() {
      const venue = await aVenue();
      await venue.account.fault({ kind: 'revoke' });
      const waiting = await reached(venue, await start(venue), ({ phase }) => phase === 'waiting');
      await venue.account.clearFaults();
      await api.connect(venue.venueId, venue.account.secretKey);
      await start(venue);
      return { 'reconcile-connection.waited-and-woken': await reached(venue, waiting, isOver) };
    },
    async 'reconcile-connection.cancelled'() {
      const venue = await aVenue();
      await venue.account.fault({ kind: 'revoke' });
      const waiting = await reached(venue, await start(venue), ({ phase }) => phase === 'waiting');
      await temporal.workflow.getHandle(waiting.workflowId).cancel();
      return { 'reconcile-connection.cancelled': await reached(venue, waiting, isOver) };
    },
    async 'repair-discrepancy.repaired'() {
      const venue = await aVenue();
      const { discrepancies } = await reached(venue, await start(venue), isOver);
      const [{ id } = { id: '' as DiscrepancyId }] = discrepancies;
      await api.tryPost(`/v1/venues/${venue.venueId}/discrepancies/${id}/repair`, {});
      return { 'repair-discrepancy.repaired': { workflowId: repairWorkflowId(id), runId: null } };
    },
  };
}
