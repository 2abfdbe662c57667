import { Context, getClient } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import {
  AUTHORIZE_CONNECTION,
  KEEP_CONNECTION_FRESH,
  keepConnectionFreshWorkflowId,
} from '../../contracts/connections.ts';
import type { VenueId } from '../../contracts/ids.ts';
import { CLOSE_VENUE } from '../../contracts/venues.ts';
import type {
  ClosingRef,
  DisconnectedConnections,
  ErasedRows,
  ErasureCursor,
  VenueClosingActivities,
} from '../../contracts/venues.ts';
import type { DisconnectionStore } from '../../db/connections/disconnection-store.ts';
import type { OpenConnection, VenueClosingStore } from '../../db/closing/venue-closing-store.ts';
import type { VenueStore } from '../../db/core/venue-store.ts';
import { closingEntry } from '../../domain/venues/closing.ts';
import type { Providers } from '../../providers/providers.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { askForDisconnection } from '../connections/ask-for-disconnection.ts';
import { guarded, interrupted } from '../failures.ts';
import { withHeartbeat } from '../heartbeat.ts';

export interface VenueClosingDeps {
  readonly venues: Pick<VenueStore, 'beginClosing'>;
  readonly closings: VenueClosingStore;
  readonly disconnections: DisconnectionStore;
  readonly providers: Pick<Providers, 'find'>;
  readonly log: Logger;
}

const CONNECTIONS_AT_ONCE = 5;
/** Rows per transaction: some tens of milliseconds of work. */
const ROWS_AT_ONCE = 1_000;
/** How long rows are erased before the workflow records the progress. */
const ERASING_MS = 30_000;

/** The steps of the closing of a venue. */
export function createVenueClosingActivities(deps: VenueClosingDeps): VenueClosingActivities {
  return {
    beginClosing: ({ venueId, ...by }) =>
      guarded(async () => {
        if ((await deps.venues.beginClosing(venueId, closingEntry(venueId, by))) === null) return null;
        return (await deps.closings.listOpen(venueId)).length;
      }),
    disconnectVenue: (input) => guarded(() => withHeartbeat(() => disconnectAll(deps, input))),
    countUnsent: ({ venueId }) => guarded(() => deps.closings.countUnsent(venueId)),
    stopVenueWork: ({ venueId, terminate }) => guarded(() => withHeartbeat(() => stopWork(venueId, terminate))),
    eraseVenueRows: ({ venueId, cursor }) => guarded(() => erase(deps, venueId, cursor)),
    finishClosing: (input) =>
      guarded(async () => {
        const closed = await deps.closings.finish(input);
        const { venueId, disconnected, shredded, erased } = input;
        if (closed) deps.log.info({ venueId, disconnected, shredded, erased }, 'a venue was closed');
        return closed;
      }),
  };
}

async function disconnectAll(
  deps: VenueClosingDeps,
  { venueId, requestedBy, shred }: ClosingRef & { readonly shred: boolean },
): Promise<DisconnectedConnections> {
  await endWorkflows(`VenueId = '${venueId}' AND WorkflowType = '${AUTHORIZE_CONNECTION}'`, false);
  const waiting = [...(await deps.closings.listOpen(venueId))];
  let shredded = 0;
  const lane = async () => {
    for (let connection = waiting.pop(); connection; connection = waiting.pop()) {
      if (Context.current().cancellationSignal.aborted) throw interrupted();
      if (shred) {
        await shredOne(deps, connection, requestedBy);
        shredded += 1;
      } else {
        const updateId = `${CLOSE_VENUE}/${connection.connectionId}`;
        await askForDisconnection(deps, connection, { records: 'keep', requestedBy, updateId });
      }
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS_AT_ONCE }, lane));
  return { left: (await deps.closings.listOpen(venueId)).length, shredded };
}

/** Deletes the credentials of a connection that its token manager could not disconnect in time. */
async function shredOne(
  { disconnections, log }: VenueClosingDeps,
  connection: OpenConnection,
  requestedBy: string,
): Promise<void> {
  // It would end only after the provider's answer, and has nothing to keep any more.
  const owner = getClient().workflow.getHandle(keepConnectionFreshWorkflowId(connection.connectionId));
  await unlessEnded(() => owner.terminate(TERMINATED));
  await disconnections.begin(connection, { records: 'keep', requestedBy });
  await disconnections.closeRuns(connection);
  await disconnections.wipe(connection, { revocation: 'failed', records: 'keep', requestedBy });
  const { venueId, connectionId, provider } = connection;
  log.warn({ venueId, connectionId, provider }, 'credentials were deleted without the provider’s answer');
}

/**
 * Ends everything but the closing itself. Token managers are waited for: they end with their connections, and may be
 * revoking what an attempt to connect has brought.
 */
async function stopWork(venueId: VenueId, terminate: boolean): Promise<number> {
  const others = `VenueId = '${venueId}' AND WorkflowType != '${CLOSE_VENUE}'`;
  if (terminate) return endWorkflows(others, true);
  const cancelled = await endWorkflows(`${others} AND WorkflowType != '${KEEP_CONNECTION_FRESH}'`, false);
  return cancelled + (await countRunning(`VenueId = '${venueId}' AND WorkflowType = '${KEEP_CONNECTION_FRESH}'`));
}

/** Returns how many were running. */
async function endWorkflows(query: string, terminate: boolean): Promise<number> {
  const { workflow } = getClient();
  let found = 0;
  for await (const { workflowId, runId } of workflow.list({ query: running(query) })) {
    found += 1;
    const handle = workflow.getHandle(workflowId, runId);
    await unlessEnded(() => (terminate ? handle.terminate(TERMINATED) : handle.cancel()));
  }
  return found;
}

async function countRunning(query: string): Promise<number> {
  return (await getClient().workflow.count(running(query))).count;
}

const running = (query: string): string => `${query} AND ExecutionStatus = 'Running'`;
const TERMINATED = 'its venue is being closed';

/** One that has ended meanwhile is no failure. */
async function unlessEnded(end: () => Promise<unknown>): Promise<void> {
  try {
    await end();
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

async function erase(
  { closings }: VenueClosingDeps,
  venueId: VenueId,
  cursor: ErasureCursor | null,
): Promise<ErasedRows> {
  const { info, cancellationSignal } = Context.current();
  const deadlineMs = performance.now() + ERASING_MS;
  // A lost attempt had erased this many rows and reached this position.
  let done = (info.heartbeatDetails as ErasedRows | undefined) ?? { cursor, erased: 0 };
  // Its last beat may have been that of the end.
  if (info.heartbeatDetails !== undefined && done.cursor === null) return done;
  await withHeartbeat(
    async () => {
      do {
        if (cancellationSignal.aborted) throw interrupted();
        const page = await closings.eraseSome(venueId, done.cursor, ROWS_AT_ONCE);
        done = { cursor: page.cursor, erased: done.erased + page.erased };
      } while (done.cursor !== null && performance.now() < deadlineMs);
    },
    () => done,
  );
  return done;
}
