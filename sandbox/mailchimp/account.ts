import { authorizationOf, basicOf, json } from '../oauth/exchange.ts';
import type { Reply, Visit } from '../oauth/exchange.ts';
import type { Account } from '../oauth/ledger-rows.ts';
import { keyInvalid } from './errors.ts';
import { tokenAccount } from './oauth.ts';

/** `GET /3.0/`: https://mailchimp.com/developer/marketing/api/root/list-api-root-resources/ (2026-11). */
export function apiRoot(visit: Visit): Reply {
  const { id, name, details } = callerOf(visit).account;
  return json({
    account_id: id,
    login_id: details['userId'],
    account_name: name,
    email: `owner@${id}.example.com`,
    first_name: 'Ada',
    last_name: 'Owner',
    username: name,
    role: 'owner',
    member_since: details['createdAt'],
    pricing_plan_type: 'monthly',
    account_timezone: 'Etc/UTC',
    total_subscribers: 0,
  });
}

/** `GET /3.0/ping`. */
export function ping(visit: Visit): Reply {
  callerOf(visit);
  return json({ health_status: "Everything's Chimpy!" });
}

export interface Caller {
  readonly account: Account;
  /** False for the key of a user who may only look (https://mailchimp.com/help/manage-user-levels-in-your-account/, 2026-11). */
  readonly mayWrite: boolean;
}

/** Accepts an OAuth token, or an API key as the Basic password or as a bearer. Throws a 401 `Refusal`. */
export function callerOf(visit: Visit): Caller {
  const { accounts, ledger } = visit;
  const key = basicOf(visit)?.password ?? authorizationOf(visit, 'bearer');
  const granted = tokenAccount(visit);
  if (granted) return { account: granted, mayWrite: true };
  const account = accounts
    .list()
    .find(
      ({ id, details }) =>
        key !== null && [details['apiKey'], details['viewerKey']].includes(key) && !ledger.refusedAccounts.has(id),
    );
  if (!account) throw keyInvalid();
  return { account, mayWrite: account.details['apiKey'] === key };
}
