import { oneOf } from './params.ts';
import { equal, listing, retrieval } from './resource.ts';

export const listPayouts = listing('payout', {
  status: equal(oneOf('paid', 'pending', 'in_transit', 'canceled', 'failed'), ({ status }) => status),
});

export const retrievePayout = retrieval('payout');
