import { oneOf } from '../http/params.ts';
import { equal, listing, retrieval } from '../http/resource.ts';

export const listPayouts = listing('payout', {
  status: equal(oneOf('paid', 'pending', 'in_transit', 'canceled', 'failed'), ({ status }) => status),
});

export const retrievePayout = retrieval('payout');
