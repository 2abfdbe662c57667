import { hash, oneOf, requiredText } from '../http/params.ts';
import { equal, listing, retrieval } from '../http/resource.ts';

export const listInvoicePayments = listing('invoice_payment', {
  invoice: { read: requiredText(255), key: 'invoice' },
  payment: {
    read: hash({ payment_intent: requiredText(255), type: oneOf('payment_intent') }),
    accepts: ({ fields }, payment) =>
      fields.payment_intent === (payment as { readonly payment_intent?: string }).payment_intent,
  },
  status: equal(oneOf('canceled', 'open', 'paid'), ({ status }) => status),
});

export const retrieveInvoicePayment = retrieval('invoice_payment');
