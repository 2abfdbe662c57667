import type { WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import { until } from '../eventually.ts';
import type { SyncBody } from '../service-client.ts';
import type { StripeAccount } from '../sandbox/stripe-account.ts';
import type { System } from './system.ts';
import { aCustomer } from './sync-world.ts';

/** A venue connected to its own account. */
export interface SyncVenue {
  readonly venueId: string;
  readonly connectionId: string;
  readonly account: StripeAccount;
}

export async function aSyncVenue({ api, stripe }: System, customers = 0): Promise<SyncVenue> {
  const [account, venueId] = await Promise.all([stripe.addAccount(), api.createVenue()]);
  const [{ id: connectionId }] = await Promise.all([
    api.connect(venueId, account.secretKey),
    customers > 0 &&
      api.load(
        venueId,
        Array.from({ length: customers }, (_, index) => aCustomer(index)),
      ),
  ]);
  return { venueId, connectionId, account };
}

export const handleOf = (
  { temporal }: System,
  { workflowId, runId }: Pick<SyncBody, 'workflowId' | 'runId'>,
): WorkflowHandle => temporal.workflow.getHandle(workflowId, runId ?? undefined);

export const attributesOf = ({
  typedSearchAttributes,
}: WorkflowExecutionDescription): Readonly<Record<string, unknown>> =>
  Object.fromEntries(typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]));

/** The search attributes of the run's workflow once `when` accepts them. They lag slightly behind the API. */
export const attributesOnce = (
  system: System,
  run: SyncBody,
  when: (attributes: Readonly<Record<string, unknown>>) => boolean,
) =>
  until(
    async () => {
      const attributes = attributesOf(await handleOf(system, run).describe());
      return when(attributes) ? attributes : null;
    },
    { limitMs: 15_000, what: 'the workflow shows such search attributes', everyMs: 100 },
  );

export const closedAs = (system: System, run: SyncBody, status: 'COMPLETED' | 'FAILED' | 'CANCELLED') =>
  until(async () => (await handleOf(system, run).describe()).status.name === status, {
    limitMs: 15_000,
    what: `the workflow is ${status}`,
    everyMs: 100,
  });
