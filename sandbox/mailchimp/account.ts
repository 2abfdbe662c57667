import { authorizationOf, basicOf, json } from '../oauth/exchange.ts';
import type { Reply, Visit } from '../oauth/exchange.ts';
import type { Account } from '../oauth/ledger-rows.ts';
import { keyInvalid } from './errors.ts';
import { tokenAccount } from './oauth.ts';

/** `GET /3.0/`: https://mailchimp.com/developer/marketing/api/root/list-api-root-resources/ (2026-11). */
export function apiRoot(visit: Visit): Reply {
  const { id, name, details } = caller(visit);
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
  caller(visit);
  return json({ health_status: "Everything's Chimpy!" });
}

/** Accepts an OAuth token, or an API key as the Basic password or as a bearer. Throws a 401 `Refusal`. */
function caller(visit: Visit): Account {
  const { accounts, ledger } = visit;
  const key = basicOf(visit)?.password ?? authorizationOf(visit, 'bearer');
  const account =
    tokenAccount(visit) ??
    accounts.list().find(({ id, details }) => details['apiKey'] === key && !ledger.refusedAccounts.has(id));
  if (!account) throw keyInvalid();
  return account;
}
