import { describe, expect, it } from 'vitest';
import { AccountingApi, Contact, Invoice, LineAmountTypes } from 'xero-node';
import { aXero } from './xero-support.ts';

/** A stand-in Xero with Xero's own client. Connecting cannot be driven by it: it knows one address of Xero's alone. */
async function aClient() {
  const xero = await aXero();
  const { apiUrl, control, organisation } = xero;
  const api = new AccountingApi(`${apiUrl}/api.xro/2.0`);
  api.accessToken = await control.tokenFor(
    organisation.id,
    'accounting.contacts accounting.invoices accounting.payments accounting.settings accounting.banktransactions.read accounting.reports.profitandloss.read',
  );
  return { ...xero, api, tenant: organisation.id };
}

/** The status and the body of a refusal, which the client rejects with as a text of JSON. */
async function refusalOf(promise: Promise<unknown>) {
  const error: unknown = await promise.then(
    () => expect.unreachable('the request was not refused'),
    (thrown: unknown) => thrown,
  );
  const { response } = JSON.parse(String(error)) as {
    readonly response: { readonly statusCode: number; readonly body: object; readonly headers: object };
  };
  return { status: response.statusCode, body: response.body, headers: response.headers };
}

/** The only or first object of an answer. */
function firstOf<Item>(items: readonly Item[] | undefined): Required<Item> {
  const [first] = items ?? [];
  if (first === undefined) throw new Error('nothing was answered');
  return first as Required<Item>;
}
const namesOf = (contacts: readonly Contact[] | undefined) => (contacts ?? []).map(({ name }) => name);

describe('Xero’s own client at the stand-in Xero', () => {
  it('writes contacts, of which one that is refused holds up no other', async () => {
    const { api, tenant } = await aClient();
    const { body } = await api.createContacts(
      tenant,
      { contacts: [{ name: 'Ada', emailAddress: 'ada@example.com', contactNumber: 'interlock-1' }, { name: 'Bo' }] },
      false,
    );
    expect(body.contacts).toMatchObject([
      { name: 'Ada', contactStatus: Contact.ContactStatusEnum.ACTIVE, statusAttributeString: 'OK' },
      { name: 'Bo', contactStatus: Contact.ContactStatusEnum.ACTIVE },
    ]);
    const again = await api.createContacts(tenant, { contacts: [{ name: 'ada' }, { name: 'Cy' }] }, false);
    expect(again.body.contacts).toMatchObject([
      {
        hasValidationErrors: true,
        statusAttributeString: 'ERROR',
        validationErrors: [{ message: expect.stringContaining('already assigned') as string }],
      },
      { name: 'Cy', statusAttributeString: 'OK' },
    ]);
    const updated = await api.updateOrCreateContacts(tenant, {
      contacts: [{ contactID: firstOf(body.contacts).contactID, name: 'Ada Lovelace' }],
    });
    expect(updated.body.contacts).toMatchObject([{ name: 'Ada Lovelace', emailAddress: 'ada@example.com' }]);
  });

  it('refuses a whole request with its elements where errors are summarised', async () => {
    const { api, tenant } = await aClient();
    await api.createContacts(tenant, { contacts: [{ name: 'Ada' }] });
    expect(await refusalOf(api.createContacts(tenant, { contacts: [{ name: 'Bo' }, { name: 'Ada' }] }))).toMatchObject({
      status: 400,
      body: { Type: 'ValidationException', Elements: [{ Name: 'Ada', ValidationErrors: [{}] }] },
    });
  });

  it('answers a repeated key as before, and refuses it for another request', async () => {
    const { api, tenant, organisation } = await aClient();
    const create = (name: string) => api.createContacts(tenant, { contacts: [{ name }] }, false, 'key-1');
    const idOf = async (name: string) => firstOf((await create(name)).body.contacts).contactID;
    expect(await idOf('Ada')).toBe(await idOf('Ada'));
    expect(await refusalOf(create('Bo'))).toMatchObject({ status: 400 });
    expect(await organisation.objects('Contacts')).toHaveLength(1);
  });

  it('reads pages by the time of the last change, without what is archived', async () => {
    const { api, tenant, organisation, control } = await aClient();
    await organisation.seed('Contacts', 5);
    const page = (number: number, since?: Date) =>
      api.getContacts(tenant, since, undefined, 'UpdatedDateUTC', undefined, number, false, undefined, undefined, 2);
    const [one, ...others] = [await page(1), await page(2), await page(3), await page(4)];
    expect([one, ...others].map(({ body }) => namesOf(body.contacts).length)).toEqual([2, 2, 1, 0]);
    expect(one.body.pagination).toMatchObject({ page: 1, pageSize: 2, pageCount: 3, itemCount: 5 });
    const [first, second] = [firstOf(one.body.contacts), firstOf(one.body.contacts?.slice(1))];
    expect(first.updatedDateUTC).toBeInstanceOf(Date);
    await control.clock(60_000);
    const since = new Date(Date.now() + 30_000);
    expect((await page(1, since)).body.contacts).toEqual([]);
    await api.updateOrCreateContacts(tenant, {
      contacts: [
        { contactID: first.contactID, name: 'Changed' },
        { contactID: second.contactID, contactStatus: Contact.ContactStatusEnum.ARCHIVED },
      ],
    });
    expect(namesOf((await page(1, since)).body.contacts)).toEqual(['Changed']);
    const ids = [first.contactID, second.contactID];
    const named = await api.getContacts(tenant, undefined, undefined, undefined, ids, 1, true);
    expect(named.body.contacts).toHaveLength(2);
  });

  it('writes items, whose prices have four decimals on request', async () => {
    const { api, tenant } = await aClient();
    const items = [{ code: 'TEA', name: 'Tea', salesDetails: { unitPrice: 1.2345, accountCode: '200' } }, { code: '' }];
    const { body } = await api.updateOrCreateItems(tenant, { items }, false, 4);
    expect(body.items).toMatchObject([
      { code: 'TEA', salesDetails: { unitPrice: 1.2345 }, statusAttributeString: 'OK' },
      { statusAttributeString: 'ERROR', validationErrors: [{ message: 'Item Code must be specified.' }] },
    ]);
    expect((await api.getItems(tenant)).body.items).toMatchObject([{ salesDetails: { unitPrice: 1.23 } }]);
    await api.deleteItem(tenant, firstOf(body.items).itemID);
    expect((await api.getItems(tenant)).body.items).toEqual([]);
  });

  it('makes an invoice, keeps its line by its id, and has it paid and the payment undone', async () => {
    const { api, tenant } = await aClient();
    const { contactID } = firstOf((await api.createContacts(tenant, { contacts: [{ name: 'Ada' }] })).body.contacts);
    const { body } = await api.createInvoices(
      tenant,
      {
        invoices: [
          {
            ...{ type: Invoice.TypeEnum.ACCREC, status: Invoice.StatusEnum.AUTHORISED, invoiceNumber: 'A-1' },
            contact: { contactID },
            ...{ date: '2026-10-01', dueDate: '2026-10-31', lineAmountTypes: LineAmountTypes.Exclusive },
            lineItems: [{ description: 'Tea', quantity: 2, unitAmount: 50, accountCode: '200' }],
          },
          { type: Invoice.TypeEnum.ACCREC, invoiceNumber: 'A-1', contact: { contactID: 'none' } },
        ],
      },
      ...([false, 4] as const),
    );
    const made = firstOf(body.invoices);
    expect(made).toMatchObject({
      ...{ type: Invoice.TypeEnum.ACCREC, status: Invoice.StatusEnum.AUTHORISED, statusAttributeString: 'OK' },
      ...{ subTotal: 100, totalTax: 20, total: 120, amountDue: 120, lineAmountTypes: LineAmountTypes.Exclusive },
    });
    // The client types days as texts, and makes dates of them.
    expect(made.date).toEqual(new Date('2026-10-01T00:00:00Z'));
    expect(body.invoices?.[1]).toMatchObject({ statusAttributeString: 'ERROR', hasErrors: true });
    const { lineItemID } = firstOf(made.lineItems);
    const kept = { lineItemID, quantity: 2, accountCode: '200' };
    const id = made.invoiceID;
    const changed = await api.updateInvoice(tenant, id, {
      invoices: [{ lineItems: [{ ...kept, description: 'Green tea', unitAmount: 60 }] }],
    });
    expect(changed.body.invoices).toMatchObject([
      { total: 144, lineItems: [{ lineItemID, description: 'Green tea' }] },
    ]);
    const paid = await api.createPayment(tenant, {
      ...{ invoice: { invoiceID: id }, account: { code: '090' }, date: '2026-10-05', amount: 144 },
    });
    const { paymentID } = firstOf(paid.body.payments);
    expect((await api.getInvoice(tenant, id)).body.invoices).toMatchObject([
      { status: Invoice.StatusEnum.PAID, amountDue: 0, payments: [{ paymentID, amount: 144 }] },
    ]);
    await api.deletePayment(tenant, paymentID, { status: 'DELETED' });
    const payments = await api.getPayments(tenant, undefined, undefined, undefined, 1, 10);
    expect(payments.body.payments).toMatchObject([{ paymentID, status: 'DELETED', amount: 144 }]);
    const listed = await api.getInvoices(
      ...([tenant, undefined, 'Type=="ACCREC"', 'UpdatedDateUTC', undefined, undefined, undefined] as const),
      [String(Invoice.StatusEnum.AUTHORISED)],
      1,
    );
    expect(listed.body.invoices).toMatchObject([{ invoiceID: id, amountDue: 144, lineItems: [{}] }]);
  });

  it('reads the organisation and a report, whose cells it finds', async () => {
    const { api, tenant } = await aClient();
    expect((await api.getOrganisations(tenant)).body.organisations).toMatchObject([{ organisationID: tenant }]);
    const { body } = await api.getReportProfitAndLoss(tenant, '2026-01-01', '2026-03-31');
    expect(body.reports).toMatchObject([{ reportID: 'ProfitAndLoss', reportTitles: expect.any(Array) as string[] }]);
    expect(body.reports?.[0]?.rows?.[0]).toMatchObject({ rowType: 'Header', cells: [{ value: '' }, {}] });
  });

  it('is told what is not there, not granted, and too much', async () => {
    const { api, tenant, control } = await aClient();
    expect(await refusalOf(api.getInvoice(tenant, crypto.randomUUID()))).toMatchObject({ status: 404 });
    expect(await refusalOf(api.getContacts(crypto.randomUUID()))).toMatchObject({
      ...{ status: 403, body: { Detail: 'AuthenticationUnsuccessful' } },
    });
    await control.limits({ requestsPerMinute: 1 });
    expect(await refusalOf(api.getContacts(tenant))).toMatchObject({
      status: 429,
      headers: { 'x-rate-limit-problem': 'minute', 'retry-after': expect.stringMatching(/^\d+$/) as string },
    });
  });
});
