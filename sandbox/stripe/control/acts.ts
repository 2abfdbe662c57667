import { z } from 'zod';
import type { AccountState } from '../state/account-state.ts';
import { ControlError } from '../../core/control-api.ts';
import { Draft } from '../state/draft.ts';
import type { Objekt } from '../state/draft.ts';
import { addDispute, closeDispute, failRefund } from '../payments/money.ts';
import type { Kind } from '../http/objects.ts';
import { endPending } from '../payments/paying.ts';
import type { StripeState } from '../state/state.ts';

/**
 * What banks and customers do at Stripe without a request from us. Each act creates its events.
 * `id` names a charge for `open-dispute`, `payment-arrives` and `payment-fails`, a refund for the refund acts, and a
 * dispute for the dispute acts.
 */
export const actBody = z.strictObject({
  account: z.string().optional(),
  act: z.enum([
    'open-dispute',
    'win-dispute',
    'lose-dispute',
    'fail-refund',
    'complete-refund',
    'payment-arrives',
    'payment-fails',
  ]),
  id: z.string(),
  reason: z.string().optional(),
  amount: z.int().min(1).optional(),
});

export type ActBody = z.infer<typeof actBody>;

/**
 * Performs the act and returns the object as the API then shows it. Throws a `ControlError` when the act is impossible.
 */
export function perform(state: StripeState, account: AccountState, { act, id, reason, amount }: ActBody): object {
  const draft = new Draft({ state, account, requestId: null, idempotencyKey: null });
  const acts: Record<ActBody['act'], () => object> = {
    'open-dispute': () => draft.render('dispute', addDispute(draft, found(draft, 'charge', id), { reason, amount })),
    'win-dispute': () => draft.render('dispute', closeDispute(draft, open(found(draft, 'dispute', id)), 'won')),
    'lose-dispute': () => draft.render('dispute', closeDispute(draft, open(found(draft, 'dispute', id)), 'lost')),
    'fail-refund': () =>
      draft.render(
        'refund',
        failRefund(draft, unfailed(found(draft, 'refund', id)), reason ?? 'expired_or_canceled_card'),
      ),
    'complete-refund': () =>
      draft.render(
        'refund',
        draft.change('refund.updated', {
          kind: 'refund',
          before: unfailed(found(draft, 'refund', id)),
          patch: { status: 'succeeded' },
        }),
      ),
    'payment-arrives': () => draft.render('charge', endPending(draft, pending(found(draft, 'charge', id)), true)),
    'payment-fails': () => draft.render('charge', endPending(draft, pending(found(draft, 'charge', id)), false)),
  };
  const object = acts[act]();
  state.commit(draft.changes);
  return object;
}

function found<K extends Kind>(draft: Draft, kind: K, id: string): Objekt<K> {
  const object = draft.find(kind, id);
  if (!object) throw new ControlError(404, 'object-not-found', { message: `There is no ${kind} ${id}.` });
  return object;
}

function open(dispute: Objekt<'dispute'>): Objekt<'dispute'> {
  if (['won', 'lost'].includes(dispute.fields.status)) throw over(dispute.id);
  return dispute;
}

function unfailed(refund: Objekt<'refund'>): Objekt<'refund'> {
  if (refund.fields.status === 'failed') throw over(refund.id);
  return refund;
}

function pending(charge: Objekt<'charge'>): Objekt<'charge'> {
  if (charge.fields.status !== 'pending') throw over(charge.id);
  return charge;
}

function over(id: string): ControlError {
  return new ControlError(409, 'over', { message: `The status of ${id} does not allow this.` });
}
