import { invalidRequest } from '../http/failure.ts';
import type { Reader } from '../http/params.ts';

/** What happens to a payment with a test card: https://docs.stripe.com/testing (2026-11). */
export interface TestCard {
  readonly brand: string;
  readonly country: string;
  readonly last4: string;
  readonly declined?: { readonly code: string; readonly decline_code: string; readonly message: string };
  /** Opens a dispute with this reason as soon as the charge succeeds. */
  readonly disputed?: string;
  /** `failed`: the refund succeeds first and fails later. `pending`: it stays pending. */
  readonly refund?: 'failed' | 'pending';
  readonly needsAction?: boolean;
}

const DECLINED = 'Your card was declined.';
const declined = (
  last4: string,
  code: string,
  rest: { readonly reason?: string; readonly message?: string } = {},
): TestCard => ({
  ...visa(last4),
  declined: { code, decline_code: rest.reason ?? code, message: rest.message ?? DECLINED },
});
const visa = (last4: string): TestCard => ({ brand: 'visa', country: 'US', last4 });

const CARDS: Readonly<Record<string, TestCard>> = {
  visa: visa('4242'),
  visa_debit: visa('5556'),
  mastercard: { brand: 'mastercard', country: 'US', last4: '4444' },
  amex: { brand: 'amex', country: 'US', last4: '8431' },
  gb: { ...visa('0000'), country: 'GB' },
  bank: { brand: 'unknown', country: 'US', last4: '6789' },
  chargeDeclined: declined('0002', 'card_declined', { reason: 'generic_decline' }),
  chargeDeclinedInsufficientFunds: declined('9995', 'card_declined', {
    reason: 'insufficient_funds',
    message: 'Your card has insufficient funds.',
  }),
  chargeDeclinedLostCard: declined('9987', 'card_declined', { reason: 'lost_card' }),
  chargeDeclinedStolenCard: declined('9979', 'card_declined', { reason: 'stolen_card' }),
  chargeDeclinedFraudulent: declined('0019', 'card_declined', { reason: 'fraudulent' }),
  chargeDeclinedExpiredCard: declined('0069', 'expired_card', { message: 'Your card has expired.' }),
  chargeDeclinedIncorrectCvc: declined('0127', 'incorrect_cvc', { message: "Your card's security code is incorrect." }),
  chargeDeclinedProcessingError: declined('0119', 'processing_error', {
    message: 'An error occurred while processing your card. Try again in a little bit.',
  }),
  createDispute: { ...visa('0259'), disputed: 'fraudulent' },
  createDisputeProductNotReceived: { ...visa('2685'), disputed: 'product_not_received' },
  refundFail: { ...visa('5126'), refund: 'failed' },
  pendingRefund: { ...visa('7726'), refund: 'pending' },
  authenticationRequired: { ...visa('3184'), needsAction: true },
};

/** Throws for an unknown card: names come from `testPaymentMethod` or a validated seed. */
export function cardOf(name: string): TestCard {
  const card = CARDS[name];
  if (!card) throw new Error(`there is no test card ${name}`);
  return card;
}

export const CARD_NAMES = Object.keys(CARDS);

/** The card name of one of Stripe's test payment methods, such as `pm_card_visa`. */
export const testPaymentMethod: Reader<string> = (value, param) => {
  const text = typeof value === 'string' ? value : '';
  const name = text === 'pm_usBankAccount' ? 'bank' : text.replace(/^pm_card_(?:visa_(?=charge))?/, '');
  if (text !== name && Object.hasOwn(CARDS, name)) return name;
  throw invalidRequest(`No such PaymentMethod: '${text}'`, { code: 'resource_missing', param });
};
