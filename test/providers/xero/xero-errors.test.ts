import { describe, expect, it } from 'vitest';
import { kindOfFault } from '../../../providers/http/error-table.ts';
import { XERO_ERRORS } from '../../../providers/xero/errors.ts';
import { allTime } from '../read-list.ts';
import { aKey, createXeroWorld, detailsOf } from './xero-world.ts';

const world = createXeroWorld();

const LISTS = [
  ['products', 'items'],
  ['customers', 'contacts'],
  ['customers', 'changed-contacts'],
  ['invoices', 'invoices'],
  ['transactions', 'all-Payments'],
  ['transactions', 'changed-CreditNotes'],
] as const;

const XML = '<?xml version="1.0"?><Response><Status>OK</Status></Response>';
const gateway = (Status: number, Detail: string) => ({ Type: null, Title: 'Unauthorized', Status, Detail });
const refusalWith = (Message: string) => ({
  ...{ ErrorNumber: 10, Type: 'ValidationException', Message: 'A validation exception occurred' },
  Elements: [{ ValidationErrors: [{ Message }] }],
});

describe.each(LISTS)('a page of %s (%s)', (resource, stream) => {
  const refusal = (token?: string) => detailsOf(world.session(resource, token).listPage({ ...allTime, stream }));

  it.each<[string, object, object]>([
    ['throttled', { kind: 'status', status: 429, retryAfter: 30 }, { kind: 'rate-limited', retryAfterMs: 30_000 }],
    ['failed', { kind: 'status', status: 500 }, { kind: 'unavailable' }],
    ['offline', { kind: 'status', status: 503 }, { kind: 'unavailable' }],
    ['cut off in the middle', { kind: 'truncate' }, { kind: 'unavailable' }],
    ['a web page', { kind: 'html' }, { kind: 'unexpected-response', httpStatus: 200 }],
    ['a bare 403', { kind: 'html', status: 403 }, { kind: 'unavailable', httpStatus: 403 }],
    [
      'of an expired token',
      { kind: 'status', status: 401, code: 'TokenExpired' },
      { kind: 'needs-reauth', code: 'TokenExpired' },
    ],
  ])('that is %s is told so', async (_, fault, told) => {
    await world.control().fault({ ...fault, times: 1 });
    expect(await refusal()).toMatchObject({ provider: 'xero', ...told });
  });

  it.each<[string, number, unknown, object]>([
    ['XML where JSON belongs', 200, XML, { kind: 'unexpected-response' }],
    ['XML with 400', 400, XML, { kind: 'unexpected-response' }],
    ['plain text where JSON belongs', 200, 'The resource is not here', { kind: 'unexpected-response' }],
    ['plain text with 403', 403, 'Forbidden', { kind: 'unavailable' }],
    ['nothing where JSON belongs', 403, '', { kind: 'unavailable' }],
    ['nothing with 200', 200, '', { kind: 'unexpected-response' }],
    [
      'an organisation that is offline',
      503,
      { ErrorNumber: 1, Type: 'OrganisationOfflineException' },
      { kind: 'unavailable' },
    ],
    ['a refusal inside 200', 200, refusalWith('ada@example.com'), { kind: 'rejected', code: 'ValidationException' }],
  ])('that is %s is told so', async (_, status, body, told) => {
    world.proxy().edit((answer) => {
      answer.status = status;
      answer.body = body;
    });
    const details = await refusal();
    expect(details).toMatchObject({ provider: 'xero', ...told });
    expect(JSON.stringify(details)).not.toContain('ada@');
  });

  it('asks for a new consent where a scope was taken back', async () => {
    const token = await world.control().tokenFor(world.organisation().id, 'accounting.attachments');
    expect(await refusal(token)).toMatchObject({
      kind: 'needs-reauth',
      httpStatus: 401,
      code: 'AuthorizationUnsuccessful',
    });
  });

  it('asks for a new consent where the organisation was disconnected in Xero', async () => {
    const { control, organisation } = world;
    await control().send('POST', '/revoke', { account: organisation().id });
    expect(await refusal()).toMatchObject({
      kind: 'needs-reauth',
      httpStatus: 403,
      code: 'AuthenticationUnsuccessful',
    });
  });
});

describe('Xero’s words', () => {
  const kindOf = (status: number, json: unknown) => {
    const fault = XERO_ERRORS.faultIn(json, status);
    return fault === null ? null : kindOfFault(XERO_ERRORS, fault, status);
  };

  it.each<[string, number, unknown, string | null]>([
    ['an organisation whose subscription has ended', 403, gateway(403, 'AuthenticationUnsuccessful'), 'needs-reauth'],
    ['a scope that is missing', 401, gateway(401, 'AuthorizationUnsuccessful'), 'needs-reauth'],
    ['a role that may not', 403, gateway(403, 'SomethingNew'), 'rejected'],
    ['a 403 that says nothing', 403, undefined, 'unavailable'],
    ['too many calls', 429, { Type: 'RateLimitExceededException', ErrorNumber: 1 }, 'rate-limited'],
    [
      'a key that stands for something else',
      400,
      {
        ErrorNumber: 10,
        Type: 'ValidationException',
        Message: 'The idempotency key was used with a different request.',
      },
      'conflict',
    ],
    ['what is not there', 404, undefined, 'rejected'],
    ['an answer without a fault', 200, { Invoices: [] }, null],
  ])('of %s are a kind of ours', (_, status, json, kind) => {
    expect(kindOf(status, json)).toBe(kind);
  });
});

describe('an element that Xero refuses', () => {
  const create = (message: string, method = 'PUT') => {
    world.proxy().edit((answer) => {
      if (answer.method === method)
        answer.body = { Contacts: [{ StatusAttributeString: 'ERROR', ValidationErrors: [{ Message: message }] }] };
    });
    const fields = { name: 'Ada', email: null, phone: null, address: null, marketingConsent: null, metadata: {} };
    return detailsOf(world.writer('customers').create(world.map('customers', fields), aKey()));
  };

  it.each([
    ['Invoice # must be unique.', 'duplicate-number'],
    ['Invoice not of valid status for modification', 'status-not-changeable'],
    ['This document cannot be edited as it has a payment or credit note allocated to it.', 'has-payments'],
    ['Organisation is not subscribed to currency USD', 'currency-not-enabled'],
    ['The document date cannot be before the end of year lock date', 'period-locked'],
    ["Item code 'CHAI of Ada' is not valid", 'item-unknown'],
    ["Account code '200' is not a valid code for this document.", 'account-missing'],
    ["The TaxType code 'OUTPUT9' does not exist or cannot be used with the given account", 'tax-type'],
    ['Ada Lovelace of ada@example.com did something', 'validation'],
  ])('“%s” is rejected by a word, and its sentence stays there', async (sentence, code) => {
    const details = await create(sentence);
    expect(details).toMatchObject({ kind: 'rejected', code, httpStatus: 400 });
    expect(JSON.stringify(details)).not.toContain('Ada');
  });
});

describe('a deletion that Xero refuses', () => {
  it('of an item that an invoice names is rejected by the word for that, not by the one for the whole request', async () => {
    const line = { Description: 'Chai', ItemCode: 'CHAI', Quantity: 1, UnitAmount: 5, AccountCode: '200' };
    const ask = async (collection: string, body: object) => {
      const answer = await world.organisation().ask('PUT', collection, { body });
      return (answer.body[collection] as readonly Readonly<Record<string, unknown>>[])[0] ?? {};
    };
    const { ContactID } = await ask('Contacts', { Name: 'Ada' });
    const { ItemID } = await ask('Items', { Code: 'CHAI', Name: 'Chai' });
    await ask('Invoices', { Type: 'ACCREC', Contact: { ContactID }, LineItems: [line] });
    expect(await detailsOf(world.writer('products').archive(String(ItemID), aKey()))).toMatchObject({
      ...{ kind: 'rejected', httpStatus: 400, code: 'item-in-use' },
    });
    expect(await world.organisation().objects('Items')).toHaveLength(1);
  });
});

describe('updates of contacts', () => {
  it('that are answered in another order say nothing of any', async () => {
    const map = (name: string) =>
      world.map('customers', {
        ...{ name, email: null, phone: null, address: null, marketingConsent: null, metadata: {} },
      });
    const made = await Promise.all(['Ada', 'Bea'].map((name) => world.writer('customers').create(map(name), aKey())));
    world.proxy().edit(({ method, body }) => {
      if (method === 'POST') (body as { readonly Contacts: unknown[] }).Contacts.reverse();
    });
    const updates = made.map(({ externalId }, index) => ({
      ...{ externalId, mapped: map(`Grace ${index}`), ...aKey() },
      ...{ clearedMetadataKeys: [], externalState: null },
    }));
    const unreadable = expect.stringMatching(/^ContactID: /) as string;
    expect(await world.writer('customers').batch?.update(updates, aKey())).toMatchObject([
      { details: { kind: 'unexpected-response', unreadable } },
      { details: { kind: 'unexpected-response', unreadable } },
    ]);
  });
});
