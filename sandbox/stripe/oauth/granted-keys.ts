import type { IncomingHttpHeaders } from 'node:http';
import type { Ledger } from '../../oauth/ledger.ts';
import type { AccountProfile } from '../state/account.ts';
import { AccountState } from '../state/account-state.ts';
import { derivedId } from '../../core/ids.ts';
import type { Credential, StripeState } from '../state/state.ts';

/** Keys issued through OAuth: access tokens, and the platform's own key, which acts for its connected accounts. */
export class GrantedKeys {
  readonly #state: StripeState;
  readonly #ledger: Ledger;
  readonly #platformKey: string;
  readonly #platform: AccountState;

  constructor(state: StripeState, ledger: Ledger, platformKey: string) {
    this.#state = state;
    this.#ledger = ledger;
    this.#platformKey = platformKey;
    this.#platform = new AccountState(platformProfile(platformKey));
  }

  /** Null for a key that OAuth never issued or that was revoked. */
  credential(key: string, headers: IncomingHttpHeaders): Credential | null {
    if (key === this.#platformKey)
      return this.#connected(accountNamedIn(headers)) ?? { account: this.#platform, kind: 'restricted' };
    const known = this.#ledger.token(key, 'access');
    const account = known && this.#state.account(known.grant.account);
    if (!known || !account || known.state === 'revoked' || known.state === 'superseded') return null;
    return { account, kind: known.state === 'expired' ? 'expired' : kindOf(known.token.scopes) };
  }

  /** The account that the platform's key acts for; null when it is not connected. */
  #connected(id: string | undefined): Credential | null {
    const account = id === undefined ? undefined : this.#state.account(id);
    const grants = account ? this.#ledger.liveGrants(account.profile.id).filter(({ flow }) => flow === 'connect') : [];
    return account && grants.length > 0 ? { account, kind: kindOf(grants.flatMap(({ scopes }) => scopes)) } : null;
  }
}

/** The account that a request acts for, from either header that names it. */
export function accountNamedIn(headers: IncomingHttpHeaders): string | undefined {
  return headers['stripe-account']?.toString() ?? headers['stripe-context']?.toString();
}

function kindOf(scopes: readonly string[]): Credential['kind'] {
  return scopes.includes('read_write') || scopes.includes('stripe_apps') ? 'secret' : 'read-only';
}

/** The platform's own account, which is readable and empty. */
function platformProfile(secretKey: string): AccountProfile {
  return {
    id: derivedId('acct_1', 15, `platform ${secretKey}`),
    name: 'Interlock platform',
    created: 1_767_225_600,
    secretKey,
    webhookSecret: derivedId('whsec_', 32, `platform ${secretKey}`),
  };
}
