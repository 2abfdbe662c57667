// Objects as Stripe's API tells them, cut down to what is read of them.
export const S = 1_700_000_000;

export const CHARGE = {
  id: 'ch_1',
  object: 'charge',
  created: S,
  amount: 1_000,
  amount_captured: 1_000,
  balance_transaction: 'txn_1',
  captured: true,
  currency: 'eur',
  customer: 'cus_1',
  failure_code: null,
  metadata: {},
  payment_intent: 'pi_1',
  refunded: false,
  status: 'succeeded',
};
export const INTENT = {
  id: 'pi_1',
  object: 'payment_intent',
  created: S,
  amount: 1_000,
  currency: 'eur',
  customer: { id: 'cus_1', object: 'customer' },
  latest_charge: null,
  metadata: {},
  status: 'requires_payment_method',
};
export const MOVEMENT = {
  id: 'txn_1',
  object: 'balance_transaction',
  created: S,
  amount: 1_000,
  currency: 'eur',
  fee: 59,
  type: 'charge',
  reporting_category: 'charge',
  source: 'ch_1',
};
export const REFUND = {
  id: 're_1',
  object: 'refund',
  created: S,
  amount: 400,
  balance_transaction: 'txn_2',
  charge: 'ch_1',
  currency: 'eur',
  customer: null,
  metadata: null,
  payment_intent: 'pi_1',
  reason: null,
  status: 'succeeded',
};
export const DISPUTE = {
  id: 'dp_1',
  object: 'dispute',
  created: S,
  amount: 1_000,
  balance_transactions: [] as object[],
  charge: 'ch_1',
  currency: 'eur',
  metadata: {},
  payment_intent: 'pi_1',
  reason: 'general',
  status: 'warning_needs_response',
};
