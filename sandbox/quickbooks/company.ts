import { authorizationOf, json } from '../oauth/exchange.ts';
import type { Reply, Visit } from '../oauth/exchange.ts';
import { ACCOUNTING } from './consent.ts';
import { authenticationFailed, authorizationFailed } from './errors.ts';

/** `GET /v3/company/{realmId}/companyinfo/{realmId}`. */
export function companyInfo(visit: Visit, realmId: string): Reply {
  const { ledger, nowMs } = visit;
  const given = authorizationOf(visit, 'bearer') ?? '';
  const known = ledger.token(given, 'access');
  if (known?.state !== 'live') throw authenticationFailed(problemOf(known?.state));
  const { grant } = known;
  const company = ledger.get('accounts', realmId);
  if (grant.account !== realmId || !company || !known.token.scopes.includes(ACCOUNTING)) throw authorizationFailed();
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

function problemOf(state: string | undefined): string {
  if (state === undefined) return 'Malformed bearer token: too short or too long';
  return state === 'expired' ? 'Token expired' : 'Token revoked';
}
