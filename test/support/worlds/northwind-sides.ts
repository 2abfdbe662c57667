import { ownerBrowser } from '../owner-browser.ts';
import { mailchimpSandboxControl } from '../sandbox/mailchimp-account.ts';
import { quickbooksSandboxControl } from '../sandbox/quickbooks-company.ts';
import type { RunningOAuthSandbox } from '../sandbox/sandbox-oauth.ts';
import { squareSandboxControl } from '../sandbox/square-merchant.ts';
import { stripeSandboxOf } from '../sandbox/stripe-account.ts';
import { xeroSandboxControl } from '../sandbox/xero-organisation.ts';
import type { ServiceClient } from '../service-client.ts';
import type { AppProvider } from '../test-providers.ts';
import type { NorthwindOrder } from './northwind.ts';

type WireObject = Readonly<Record<string, unknown>>;

/** One provider's account that Northwind is kept in step with, as its own staff use it. */
export interface NorthwindSide {
  readonly connectionId: string;
  /** How many calls have changed something there. */
  writes(): Promise<number>;
  /** Addresses of customers, by their id there. */
  emails(): Promise<ReadonlyMap<string, string>>;
  setEmail(externalId: string, email: string): Promise<unknown>;
  /** Prices of products in smallest units, by their id there. Null: the provider has no products. */
  readonly prices: (() => Promise<ReadonlyMap<string, number>>) | null;
  setPrice(externalId: string, amountMinor: number): Promise<unknown>;
  /** Takes the payments of orders. Absent: payments are not read of this provider here. */
  readonly takePayments?: (orders: readonly PaidOrder[]) => Promise<unknown>;
}

export interface PaidOrder extends NorthwindOrder {
  /** The id there of the customer who paid. */
  readonly customer: string;
}

interface Place {
  readonly api: ServiceClient;
  readonly apiUrl: string;
  readonly venueId: string;
  readonly sandbox: RunningOAuthSandbox;
}

const CURRENCY = 'GBP';
function mapOf<Wire, Value>(
  objects: readonly Wire[],
  entry: (object: Wire) => readonly [string, Value] | null,
): ReadonlyMap<string, Value> {
  return new Map(objects.map(entry).filter((one) => one !== null));
}

async function byKey({ api, venueId }: Place, provider: AppProvider, secretKey: string): Promise<string> {
  const environment = provider === 'mailchimp' ? 'production' : 'sandbox';
  const body = { provider, environment, credentials: { secretKey } };
  const answer = await api.tryPost(`/v1/venues/${venueId}/connections`, body);
  if (answer.status !== 201) throw new Error(`connecting ${provider} answered ${answer.status}`);
  return (answer.body as { readonly id: string }).id;
}

interface Approval {
  readonly provider: AppProvider;
  readonly environment: 'sandbox' | 'production';
  approve(authorizationUrl: string): Promise<{ readonly redirectUrl: string }>;
}

async function byConsent({ api, apiUrl, venueId }: Place, approval: Approval): Promise<string> {
  const { provider, environment } = approval;
  const { body } = await api.tryPost(`/v1/venues/${venueId}/connections`, { provider, environment });
  const browser = ownerBrowser(() => apiUrl);
  const link = (body as { readonly authorizationUrl: string }).authorizationUrl;
  const { redirectUrl } = await approval.approve(await browser.open(link));
  const page = await (await browser.visit(redirectUrl)).text();
  const [, connectionId] = /Connection: ([0-9a-f-]{36})/.exec(page) ?? [];
  if (connectionId === undefined) throw new Error(`${provider} could not be connected: ${page}`);
  return connectionId;
}

async function stripe(place: Place): Promise<NorthwindSide> {
  const control = stripeSandboxOf(place.sandbox.stripe);
  const account = await control.addAccount();
  let aheadMs = 0;
  // Stripe's clock tells seconds, so an edit is made in a later one than what it follows.
  const edit = async (path: string, form: Readonly<Record<string, string>>) => {
    await control.clock((aheadMs += 2_000));
    return account.call('POST', path, form);
  };
  return {
    connectionId: await byKey(place, 'stripe', account.secretKey),
    writes: async () => (await account.writes()).length,
    emails: async () => mapOf(await account.customers(), ({ id, email }) => [id, email ?? '']),
    setEmail: (id, email) => edit(`customers/${id}`, { email }),
    async prices() {
      const prices = new Map(
        (await account.state<{ readonly id: string; readonly unit_amount: number }>('prices')).map((price) => [
          price.id,
          price.unit_amount,
        ]),
      );
      const products = await account.state<{ readonly id: string; readonly default_price: string }>('products');
      return mapOf(products, ({ id, default_price }) => [id, prices.get(default_price) ?? 0]);
    },
    async setPrice(id, amountMinor) {
      const form = { product: id, currency: CURRENCY.toLowerCase(), unit_amount: String(amountMinor) };
      const price = await edit('prices', form);
      return edit(`products/${id}`, { default_price: price.id });
    },
    takePayments: (orders) =>
      account.put(
        'charges',
        orders.map(({ amountMinor, orderedEpochS, customer }) => ({
          ...{ amount: amountMinor, currency: CURRENCY.toLowerCase(), created: orderedEpochS, customer },
        })),
      ),
  };
}

async function square(place: Place): Promise<NorthwindSide> {
  const merchant = await squareSandboxControl(place.sandbox.square).addMerchant();
  const { customers, catalog } = merchant.client;
  interface Variation extends WireObject {
    readonly id: string;
    readonly type: string;
    readonly item_variation_data?: { readonly price_money?: { readonly amount: number } };
  }
  return {
    connectionId: await byKey(place, 'square', merchant.token),
    writes: async () => (await merchant.calls()).filter(({ written }) => written).length,
    emails: async () =>
      mapOf(await merchant.objects<{ readonly id: string; readonly email_address: string }>('customers'), (one) => [
        one.id,
        one.email_address,
      ]),
    setEmail: (customerId, emailAddress) => customers.update({ customerId, emailAddress }),
    prices: async () =>
      mapOf(await merchant.objects<Variation>('catalogue'), ({ id, type, item_variation_data: data }) =>
        type === 'ITEM_VARIATION' ? [id, data?.price_money?.amount ?? 0] : null,
      ),
    async setPrice(objectId, amountMinor) {
      const { object } = await catalog.object.get({ objectId });
      const variation = object as unknown as { readonly itemVariationData: object };
      const itemVariationData = {
        ...variation.itemVariationData,
        priceMoney: { amount: BigInt(amountMinor), currency: CURRENCY },
      };
      return catalog.object.upsert({
        idempotencyKey: `${objectId}-${amountMinor}`,
        object: { ...variation, itemVariationData } as never,
      });
    },
    takePayments: (orders) =>
      merchant.put(
        'payments',
        orders.map(({ orderId, amountMinor, orderedEpochS, customer }) => {
          const at = new Date(orderedEpochS * 1_000).toISOString();
          const money = { amount: amountMinor, currency: CURRENCY };
          return {
            ...{ id: `order-${orderId}`, created_at: at, updated_at: at, status: 'COMPLETED' },
            ...{ amount_money: money, total_money: money, source_type: 'CASH', customer_id: customer },
            location_id: merchant.mainLocationId,
          };
        }),
      ),
  };
}

async function quickbooks(place: Place): Promise<NorthwindSide> {
  const control = quickbooksSandboxControl(place.sandbox.quickbooks);
  const company = await control.addCompany();
  interface Entity extends WireObject {
    readonly Id: string;
    readonly SyncToken: string;
  }
  const edit = async (entity: 'Customer' | 'Item', id: string, change: WireObject) => {
    const found = (await company.objects<Entity>(entity)).find(({ Id }) => Id === id);
    return company.write(entity.toLowerCase(), { Id: id, SyncToken: found?.SyncToken, sparse: true, ...change });
  };
  return {
    connectionId: await byConsent(place, {
      ...{ provider: 'quickbooks', environment: 'sandbox' },
      approve: (authorizationUrl) => control.send('POST', '/approve', { authorizationUrl, account: company.id }),
    }),
    writes: async () => (await company.calls()).filter(({ written }) => written).length,
    emails: async () =>
      mapOf(
        await company.objects<Entity & { readonly PrimaryEmailAddr?: { readonly Address: string } }>('Customer'),
        (one) => [one.Id, one.PrimaryEmailAddr?.Address ?? ''],
      ),
    setEmail: (id, email) => edit('Customer', id, { PrimaryEmailAddr: { Address: email } }),
    prices: async () =>
      mapOf(await company.objects<Entity & { readonly UnitPrice?: number }>('Item'), (one) => [
        one.Id,
        Math.round((one.UnitPrice ?? 0) * 100),
      ]),
    setPrice: (id, amountMinor) => edit('Item', id, { UnitPrice: amountMinor / 100 }),
    takePayments: (orders) =>
      company.put(
        'Payment',
        orders.map(({ orderId, amountMinor, day, customer }) => ({
          ...{ Id: orderId, SyncToken: '0', domain: 'QBO', sparse: false, TxnDate: day, Line: [] },
          ...{ TotalAmt: amountMinor / 100, UnappliedAmt: 0, CurrencyRef: { value: CURRENCY } },
          CustomerRef: { value: customer },
          MetaData: { CreateTime: `${day}T12:00:00Z`, LastUpdatedTime: `${day}T12:00:00Z` },
        })),
      ),
  };
}

async function mailchimp(place: Place): Promise<NorthwindSide> {
  const account = await mailchimpSandboxControl(place.sandbox.mailchimp).addAccount();
  return {
    connectionId: await byKey(place, 'mailchimp', account.apiKey),
    writes: async () => (await account.calls()).filter(({ written }) => written).length,
    emails: async () =>
      mapOf(
        await account.objects<{ readonly contact_id: string; readonly email_address: string }>('members'),
        (member) => [member.contact_id, member.email_address],
      ),
    setEmail: (member, email) => account.act({ act: 'change-address', member, email }),
    prices: null,
    setPrice: () => Promise.reject(new Error('Mailchimp has no products here')),
  };
}

async function xero(place: Place): Promise<NorthwindSide> {
  const control = xeroSandboxControl(place.sandbox.xero);
  const organisation = await control.addOrganisation();
  interface Contact extends WireObject {
    readonly ContactID: string;
    readonly EmailAddress?: string;
  }
  interface Item extends WireObject {
    readonly ItemID: string;
    readonly Code: string;
    readonly SalesDetails?: { readonly UnitPrice?: number };
  }
  const post = async (collection: string, object: WireObject) => {
    const { status, body } = await organisation.ask('POST', collection, { body: { [collection]: [object] } });
    if (status !== 200) throw new Error(`${collection}: ${status} ${JSON.stringify(body)}`);
  };
  return {
    connectionId: await byConsent(place, {
      ...{ provider: 'xero', environment: 'production' },
      approve: (authorizationUrl) => control.send('POST', '/approve', { authorizationUrl, account: organisation.id }),
    }),
    writes: async () => (await organisation.calls()).filter(({ written }) => written).length,
    emails: async () =>
      mapOf(await organisation.objects<Contact>('Contacts'), (one) => [one.ContactID, one.EmailAddress ?? '']),
    setEmail: (id, email) => post('Contacts', { ContactID: id, EmailAddress: email }),
    prices: async () =>
      mapOf(await organisation.objects<Item>('Items'), (one) => [
        one.ItemID,
        Math.round((one.SalesDetails?.UnitPrice ?? 0) * 100),
      ]),
    async setPrice(id, amountMinor) {
      const item = (await organisation.objects<Item>('Items')).find(({ ItemID }) => ItemID === id);
      await post('Items', { ItemID: id, Code: item?.Code, SalesDetails: { UnitPrice: amountMinor / 100 } });
    },
  };
}

/** Connects a venue to a new account of each provider. */
export const connectSides = async (place: Place): Promise<Readonly<Record<AppProvider, NorthwindSide>>> => ({
  stripe: await stripe(place),
  square: await square(place),
  quickbooks: await quickbooks(place),
  mailchimp: await mailchimp(place),
  xero: await xero(place),
});
