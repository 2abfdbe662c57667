import { derivedId, randomId } from '../../core/ids.ts';

/** An account of the sandbox with all its credentials. */
export interface AccountProfile {
  readonly id: string;
  readonly name: string;
  /** Seconds since the epoch. */
  readonly created: number;
  readonly secretKey: string;
  readonly webhookSecret: string;
  /** The currency of every settlement. Absent or null when each currency has its own bank account. */
  readonly settlementCurrency?: string | null;
  /** The API version that its events are rendered in. Absent for the current version. */
  readonly apiVersion?: string;
}

export interface WantedAccount {
  readonly name?: string | undefined;
  readonly secretKey?: string | undefined;
  readonly webhookSecret?: string | undefined;
  readonly settlementCurrency?: string | null | undefined;
  readonly apiVersion?: string | undefined;
}

/** A new account with generated keys where none are given. `created` is in seconds. */
export function newAccount(wanted: WantedAccount, created: number): AccountProfile {
  const id = randomId('acct_1', 15);
  return {
    id,
    created,
    name: wanted.name ?? `Sandbox venue ${id.slice(-4)}`,
    secretKey: wanted.secretKey ?? randomId('sk_test_', 24),
    webhookSecret: wanted.webhookSecret ?? randomId('whsec_', 32),
    settlementCurrency: wanted.settlementCurrency ?? null,
    ...(wanted.apiVersion !== undefined && { apiVersion: wanted.apiVersion }),
  };
}

/** A restricted key that can only read the account. */
export function restrictedKeyOf(profile: AccountProfile): string {
  return derivedId('rk_test_', 24, `restricted ${profile.secretKey}`);
}

/** An expired key of the account. */
export function expiredKeyOf(profile: AccountProfile): string {
  return derivedId('sk_test_', 24, `expired ${profile.secretKey}`);
}

const NO_ADDRESS = { city: null, country: null, line1: null, line2: null, postal_code: null, state: null };
const NOTHING_DUE = {
  alternatives: [],
  current_deadline: null,
  currently_due: [],
  disabled_reason: null,
  errors: [],
  eventually_due: [],
  past_due: [],
  pending_verification: [],
};

/** The account resource as its own key sees it: https://docs.stripe.com/api/accounts/object (API 2026-10-28.endive). */
export function renderAccount(profile: AccountProfile) {
  return {
    id: profile.id,
    object: 'account',
    business_profile: {
      annual_revenue: null,
      estimated_worker_count: null,
      mcc: null,
      minority_owned_business_designation: null,
      name: profile.name,
      product_description: null,
      specified_commercial_transactions_act_url: null,
      support_address: NO_ADDRESS,
      support_email: null,
      support_phone: null,
      support_url: null,
      url: null,
    },
    business_type: 'company',
    capabilities: { card_payments: 'active', transfers: 'active' },
    charges_enabled: true,
    controller: { type: 'account' },
    country: 'GB',
    created: profile.created,
    default_currency: 'gbp',
    details_submitted: true,
    email: `owner@${profile.id.slice(5).toLowerCase()}.example.com`,
    external_accounts: {
      object: 'list',
      data: [],
      has_more: false,
      url: `/v1/accounts/${profile.id}/external_accounts`,
    },
    future_requirements: NOTHING_DUE,
    metadata: {},
    payouts_enabled: true,
    requirements: NOTHING_DUE,
    settings: settingsOf(profile.name),
    tos_acceptance: { date: null, ip: null, user_agent: null },
    type: 'standard',
  };
}

function settingsOf(name: string) {
  return {
    bacs_debit_payments: { display_name: null, service_user_number: null },
    branding: { icon: null, logo: null, primary_color: null, secondary_color: null },
    card_issuing: { tos_acceptance: { date: null, ip: null } },
    card_payments: {
      decline_on: { avs_failure: false, cvc_failure: false },
      statement_descriptor_prefix: null,
      statement_descriptor_prefix_kana: null,
      statement_descriptor_prefix_kanji: null,
    },
    dashboard: { display_name: name, timezone: 'Etc/UTC' },
    invoices: { default_account_tax_ids: null, hosted_payment_method_save: null },
    payments: {
      statement_descriptor: null,
      statement_descriptor_kana: null,
      statement_descriptor_kanji: null,
      statement_descriptor_prefix_kana: null,
      statement_descriptor_prefix_kanji: null,
    },
    payouts: {
      debit_negative_balances: true,
      schedule: { delay_days: 2, interval: 'daily' },
      statement_descriptor: null,
    },
    sepa_debit_payments: {},
  };
}
