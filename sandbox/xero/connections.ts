import { json } from '../oauth/exchange.ts';
import type { Reply, Visit } from '../oauth/exchange.ts';
import { endGrants } from '../oauth/grants.ts';
import type { Account, Grant } from '../oauth/ledger-rows.ts';
import { notFound } from './errors.ts';
import { authEventIdOf, callerOf, liveGrantsOf } from './tokens.ts';

/** An organisation that a user has connected, with the consent that did so last. */
interface Connection {
  readonly organisation: Account;
  readonly grant: Grant;
}

/** The organisations that the user of a token has connected, one entry each. */
export function connectionsOf(visit: Visit, app: string): readonly Connection[] {
  const latest = new Map(liveGrantsOf(visit, app).map((grant) => [grant.account, grant]));
  return [...latest.values()].flatMap((grant) => {
    const organisation = visit.ledger.get('accounts', grant.account);
    return organisation ? [{ organisation, grant }] : [];
  });
}

/** `GET /connections`, all of the user’s or those of one consent. Its times have no zone. */
export function listConnections(visit: Visit): Reply {
  const { grant: caller } = callerOf(visit);
  const wanted = visit.query.get('authEventId');
  // An organisation that was approved again is still one of the earlier consent: the stand-in’s assumption.
  const approved = liveGrantsOf(visit, caller.app).filter(
    (grant) => wanted === null || authEventIdOf(grant) === wanted,
  );
  const connections = connectionsOf(visit, caller.app).filter(({ organisation }) =>
    approved.some(({ account }) => account === organisation.id),
  );
  const rows = connections.map(({ organisation, grant }) => ({
    id: organisation.details['connectionId'],
    authEventId: authEventIdOf(grant),
    tenantId: organisation.id,
    tenantType: 'ORGANISATION',
    tenantName: organisation.name,
    createdDateUtc: unzoned(grant.approvedAtMs),
    updatedDateUtc: unzoned(grant.approvedAtMs),
  }));
  return json(rows);
}

/** `DELETE /connections/{id}`: the organisation no longer counts towards what the app pays for. */
export function deleteConnection(visit: Visit, id: string): Reply {
  const { grant: caller } = callerOf(visit);
  const found = connectionsOf(visit, caller.app).find(
    ({ organisation }) => organisation.details['connectionId'] === id,
  );
  if (!found) return notFound();
  const grants = liveGrantsOf(visit, caller.app).filter(({ account }) => account === found.organisation.id);
  return { status: 204, headers: {}, body: '', changes: endGrants(grants, 'app', visit.nowMs) };
}

const unzoned = (atMs: number): string => new Date(atMs).toISOString().replace('Z', '0000');
