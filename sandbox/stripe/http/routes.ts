import { renderAccount } from '../state/account.ts';
import { listBalanceTransactions, retrieveBalanceTransaction } from '../payments/balance-transactions.ts';
import { listCharges, retrieveCharge, searchCharges, updateCharge } from '../payments/charges.ts';
import {
  createCustomer,
  deleteCustomer,
  listCustomers,
  retrieveCustomer,
  searchCustomers,
  updateCustomer,
} from '../customers/customers.ts';
import { closeDisputeEndpoint, listDisputes, retrieveDispute, updateDispute } from '../payments/disputes.ts';
import { answer } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { listEvents, retrieveEvent } from '../events/events.ts';
import { expandable } from './expansion.ts';
import {
  createInvoiceItem,
  deleteInvoiceItem,
  listInvoiceItems,
  retrieveInvoiceItem,
} from '../billing/invoice-items.ts';
import { listInvoicePayments, retrieveInvoicePayment } from '../billing/invoice-payments.ts';
import {
  attachPayment,
  createInvoice,
  deleteInvoice,
  finalizeInvoice,
  listInvoiceLines,
  listInvoices,
  markUncollectible,
  payInvoice,
  retrieveInvoice,
  searchInvoices,
  updateInvoice,
  voidInvoiceEndpoint,
} from '../billing/invoices.ts';
import { readForm } from './params.ts';
import {
  cancelPaymentIntent,
  capturePaymentIntent,
  confirmPaymentIntent,
  createPaymentIntent,
  listPaymentIntents,
  retrievePaymentIntent,
  searchPaymentIntents,
  updatePaymentIntent,
} from '../payments/payment-intents.ts';
import { listPayouts, retrievePayout } from '../payments/payouts.ts';
import { createPrice, listPrices, retrievePrice, searchPrices, updatePrice } from '../catalogue/prices.ts';
import {
  createProduct,
  deleteProduct,
  listProducts,
  retrieveProduct,
  searchProducts,
  updateProduct,
} from '../catalogue/products.ts';
import { createRefund, listRefunds, retrieveRefund, updateRefund } from '../payments/refunds.ts';
import {
  cancelSubscription,
  createSubscription,
  listSubscriptions,
  retrieveSubscription,
  updateSubscription,
} from '../billing/subscriptions.ts';
import {
  advanceTestClock,
  createTestClock,
  deleteTestClock,
  listTestClocks,
  retrieveTestClock,
} from '../billing/test-clocks.ts';

export interface Route {
  readonly method: string;
  /** Matches the whole path; its group is the id. */
  readonly path: RegExp;
  /** The permission that a restricted key needs, or null when the sandbox's restricted key suffices. */
  readonly permission: string | null;
  readonly endpoint: Endpoint;
  /** True for a paginated list. */
  readonly pages?: boolean;
}

const retrieveAccount: Endpoint = ({ account, params }) => {
  readForm(params, { expand: expandable(null) });
  return answer(JSON.stringify(renderAccount(account.profile)));
};

interface Operations {
  readonly list?: Endpoint;
  readonly create?: Endpoint;
  readonly search?: Endpoint;
  readonly retrieve?: Endpoint;
  readonly update?: Endpoint;
  readonly remove?: Endpoint;
  /** `GET /v1/<resource>/<id>/<name>`. */
  readonly parts?: Readonly<Record<string, Endpoint>>;
  /** `POST /v1/<resource>/<id>/<name>`. */
  readonly actions?: Readonly<Record<string, Endpoint>>;
}

/** The routes that every Stripe resource has. `permission` is the resource's name in a restricted key. */
function resource(path: string, permission: string, operations: Operations): Route[] {
  const read = `rak_${permission}_read`;
  const write = `rak_${permission}_write`;
  const one = '/([^/]+)';
  const routes: [method: string, path: string, permission: string, endpoint: Endpoint | undefined][] = [
    ['GET', '', read, operations.list],
    ['POST', '', write, operations.create],
    ['GET', '/search', read, operations.search],
    ['GET', one, read, operations.retrieve],
    ['POST', one, write, operations.update],
    ['DELETE', one, write, operations.remove],
    ...Object.entries(operations.parts ?? {}).map(([name, endpoint]): [string, string, string, Endpoint] => [
      'GET',
      `${one}/${name}`,
      read,
      endpoint,
    ]),
    ...Object.entries(operations.actions ?? {}).map(([name, endpoint]): [string, string, string, Endpoint] => [
      'POST',
      `${one}/${name}`,
      write,
      endpoint,
    ]),
  ];
  return routes.flatMap(([method, rest, needed, endpoint]) =>
    endpoint
      ? [
          {
            method,
            path: new RegExp(`^/v1/${path}${rest}$`),
            permission: needed,
            endpoint,
            pages: endpoint === operations.list,
          },
        ]
      : [],
  );
}

const ROUTES: readonly Route[] = [
  { method: 'GET', path: /^\/v1\/account$/, permission: null, endpoint: retrieveAccount },
  ...resource('customers', 'customer', {
    list: listCustomers,
    create: createCustomer,
    search: searchCustomers,
    retrieve: retrieveCustomer,
    update: updateCustomer,
    remove: deleteCustomer,
  }),
  ...resource('products', 'product', {
    list: listProducts,
    create: createProduct,
    search: searchProducts,
    retrieve: retrieveProduct,
    update: updateProduct,
    remove: deleteProduct,
  }),
  ...resource('prices', 'price', {
    list: listPrices,
    create: createPrice,
    search: searchPrices,
    retrieve: retrievePrice,
    update: updatePrice,
  }),
  ...resource('charges', 'charge', {
    list: listCharges,
    search: searchCharges,
    retrieve: retrieveCharge,
    update: updateCharge,
  }),
  ...resource('balance_transactions', 'balance_transaction_source', {
    list: listBalanceTransactions,
    retrieve: retrieveBalanceTransaction,
  }),
  ...resource('payment_intents', 'payment_intent', {
    list: listPaymentIntents,
    create: createPaymentIntent,
    search: searchPaymentIntents,
    retrieve: retrievePaymentIntent,
    update: updatePaymentIntent,
    actions: { confirm: confirmPaymentIntent, capture: capturePaymentIntent, cancel: cancelPaymentIntent },
  }),
  ...resource('refunds', 'charge', {
    list: listRefunds,
    create: createRefund,
    retrieve: retrieveRefund,
    update: updateRefund,
  }),
  ...resource('disputes', 'dispute', {
    list: listDisputes,
    retrieve: retrieveDispute,
    update: updateDispute,
    actions: { close: closeDisputeEndpoint },
  }),
  ...resource('invoices', 'invoice', {
    list: listInvoices,
    parts: { lines: listInvoiceLines },
    create: createInvoice,
    search: searchInvoices,
    retrieve: retrieveInvoice,
    update: updateInvoice,
    remove: deleteInvoice,
    actions: {
      attach_payment: attachPayment,
      finalize: finalizeInvoice,
      pay: payInvoice,
      void: voidInvoiceEndpoint,
      mark_uncollectible: markUncollectible,
    },
  }),
  ...resource('invoiceitems', 'invoice', {
    list: listInvoiceItems,
    create: createInvoiceItem,
    retrieve: retrieveInvoiceItem,
    remove: deleteInvoiceItem,
  }),
  ...resource('invoice_payments', 'invoice', { list: listInvoicePayments, retrieve: retrieveInvoicePayment }),
  ...resource('subscriptions', 'subscription', {
    list: listSubscriptions,
    create: createSubscription,
    retrieve: retrieveSubscription,
    update: updateSubscription,
    remove: cancelSubscription,
  }),
  ...resource('test_helpers/test_clocks', 'test_clock', {
    list: listTestClocks,
    create: createTestClock,
    retrieve: retrieveTestClock,
    remove: deleteTestClock,
    actions: { advance: advanceTestClock },
  }),
  ...resource('payouts', 'payout', { list: listPayouts, retrieve: retrievePayout }),
  ...resource('events', 'event', { list: listEvents, retrieve: retrieveEvent }),
];

export function findRoute(method: string, path: string): { readonly route: Route; readonly id: string } | null {
  for (const route of ROUTES) {
    const match = route.method === method ? route.path.exec(path) : null;
    if (match) return { route, id: match[1] ?? '' };
  }
  return null;
}
