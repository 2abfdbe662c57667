import { randomId } from '../../core/ids.ts';
import type { CallLog } from '../../core/call-log.ts';
import type { Faults } from '../../core/faults.ts';
import { consentRoutes } from '../../oauth/consent.ts';
import type { AccountBook } from '../../oauth/exchange.ts';
import { Ledger } from '../../oauth/ledger.ts';
import { put } from '../../oauth/ledger-rows.ts';
import type { Account, App } from '../../oauth/ledger-rows.ts';
import { createService, NO_RECORDS } from '../../oauth/service.ts';
import type { AccountProfile } from '../state/account.ts';
import { newAccount } from '../state/account.ts';
import { APP_CONSENT, APP_ROUTES } from './app-oauth.ts';
import { CONNECT_CONSENT, CONNECT_ROUTES } from './connect-oauth.ts';
import { ofStatus } from './oauth-errors.ts';
import type { StripeState } from '../state/state.ts';

export const STRIPE_CONSENTS = [CONNECT_CONSENT, APP_CONSENT] as const;

/** Matches both authorisation servers, which here share the API's host. */
const PATHS = /^\/(?:oauth\/|v1\/oauth\/)/;

export function isOAuthPath(url: string): boolean {
  return PATHS.test(url);
}

export interface StripeApps {
  readonly connectClientId: string;
  readonly appClientId: string;
  /** The secret key of the platform that both apps belong to. */
  readonly platformKey: string;
}

/** The grants, on the same clock as the rest of the stand-in. */
export function openGrants(home: string | undefined, state: StripeState): Promise<Ledger> {
  return Ledger.open({ home, name: 'stripe-grants', clock: state.clock });
}

/** The platform's two applications: those of an earlier run in the same home, or new ones. */
export function stripeApps(ledger: Ledger): StripeApps {
  const platformKey = ledger.all('apps')[0]?.secret ?? randomId('sk_test_', 24);
  const appOf = (flow: string): App => {
    const app = ledger.all('apps').find((each) => each.flow === flow) ?? {
      id: randomId('ca_', 32),
      flow,
      secret: platformKey,
      redirectUris: [],
    };
    ledger.commit([put('apps', app)]);
    return app;
  };
  return { connectClientId: appOf('connect').id, appClientId: appOf('app').id, platformKey };
}

/** The stand-in's accounts as account owners see them on the authorisation pages. */
export function accountsOf(state: StripeState): AccountBook {
  return {
    list: () => state.accounts.map(({ profile }) => listed(profile)),
    add(name) {
      const profile = newAccount({ name }, state.clock.nowSeconds());
      state.commit([{ op: 'account', profile }]);
      return listed(profile);
    },
  };
}

export function createStripeOAuth(parts: {
  readonly ledger: Ledger;
  readonly accounts: AccountBook;
  readonly faults: Faults;
  readonly calls: CallLog;
  readonly onError: (error: unknown) => void;
}) {
  const routes = [...STRIPE_CONSENTS.flatMap((consent) => consentRoutes(consent)), ...CONNECT_ROUTES, ...APP_ROUTES];
  return createService({
    ...parts,
    routes,
    records: NO_RECORDS,
    refuse: ofStatus,
    headers: (requestId) => ({ 'request-id': requestId }),
  });
}

function listed({ id, name }: AccountProfile): Account {
  return { id, name, details: {} };
}
