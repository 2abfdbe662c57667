import { authorizationOf, json } from '../oauth/exchange.ts';
import type { Reply, Visit } from '../oauth/exchange.ts';
import type { Account } from '../oauth/ledger-rows.ts';
import { ACCOUNTING } from './consent.ts';
import { authenticationFailed, authorizationFailed } from './errors.ts';

/** `GET /v3/company/{realmId}/companyinfo/{realmId}`. */
export function companyInfo(visit: Visit, realmId: string): Reply {
  const { nowMs } = visit;
  const company = companyOf(visit, realmId);
  const createdAt = company.details['createdAt'];
  // https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/companyinfo (minor version 75, 2026-11)
  return json({
    CompanyInfo: {
      CompanyName: company.name,
      LegalName: company.name,
      CompanyStartDate: createdAt?.slice(0, 10),
      FiscalYearStartMonth: 'January',
      Country: 'US',
      Email: { Address: `owner@${realmId}.example.com` },
      SupportedLanguages: 'en',
      NameValue: [],
      domain: 'QBO',
      sparse: false,
      Id: '1',
      SyncToken: '0',
      MetaData: { CreateTime: createdAt, LastUpdatedTime: createdAt },
    },
    time: new Date(nowMs).toISOString(),
  });
}

/** The company that a request may use. Throws a `Refusal`: 401 for a token that does not work, 403 for one of another company or without the scope. */
export function companyOf(visit: Visit, realmId: string): Account {
  const { ledger } = visit;
  const given = authorizationOf(visit, 'bearer') ?? '';
  const known = ledger.token(given, 'access');
  if (known?.state !== 'live') throw authenticationFailed(problemOf(known?.state, given));
  const { grant } = known;
  const company = ledger.get('accounts', realmId);
  if (grant.account !== realmId || !company || !known.token.scopes.includes(ACCOUNTING)) throw authorizationFailed();
  return company;
}

/**
 * The detail for an expired token quotes the token, as in a recorded exchange of 2020-09-29. That the detail for a
 * revoked token does so too is an assumption.
 */
function problemOf(state: string | undefined, token: string): string {
  if (state === undefined) return 'Malformed bearer token: too short or too long';
  return state === 'expired' ? `Token expired: ${token}` : `Token revoked: ${token}`;
}
