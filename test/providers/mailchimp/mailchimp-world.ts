import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { createMailchimpAdapter } from '../../../providers/mailchimp/adapter.ts';
import { ProviderError } from '../../../providers/provider-error.ts';
import type {
  ProviderAdapterParts,
  ProviderRecord,
  ResourceSession,
  ResourceWriter,
} from '../../../providers/provider.ts';
import type { CustomerFields } from '../../../records/customers.ts';
import { startMailchimpSandbox } from '../../../sandbox/mailchimp/mailchimp-sandbox.ts';
import type { OAuthSandbox } from '../../../sandbox/oauth/oauth-sandbox.ts';
import { Secret } from '../../../vault/secret.ts';
import { startAnswerEditingProxy } from '../../support/sandbox/answer-editing-proxy.ts';
import type { AnswerEditingProxy } from '../../support/sandbox/answer-editing-proxy.ts';
import { mailchimpSandboxControl } from '../../support/sandbox/mailchimp-account.ts';
import type { MailchimpAccount } from '../../support/sandbox/mailchimp-account.ts';

/** Mailchimp's adapter against its stand-in, with a new account per test. */
export function createMailchimpWorld() {
  let sandbox: OAuthSandbox;
  let proxy: AnswerEditingProxy;
  let adapter: ProviderAdapterParts;
  let account: MailchimpAccount;
  beforeAll(async () => {
    sandbox = await startMailchimpSandbox();
    proxy = await startAnswerEditingProxy(sandbox.apiUrl);
    adapter = createMailchimpAdapter({ loginUrl: sandbox.apiUrl, apiUrl: proxy.url, app: null });
  });
  beforeEach(async () => {
    proxy.edit(null);
    await control().reset();
    await control().clock(0);
    account = await control().addAccount();
  });
  afterAll(async () => {
    await proxy.close();
    await sandbox.close();
  });
  const control = () => mailchimpSandboxControl(sandbox);
  const session = (accounts: readonly string[] | null = [account.list]): ResourceSession =>
    adapter
      .open({ secretKey: new Secret(account.apiKey), accounts, call: (request) => request() })
      .resource('customers');
  const writer = (accounts?: readonly string[] | null): ResourceWriter => {
    const found = session(accounts).writer;
    if (!found) throw new Error('customers are only read');
    return found;
  };
  const map = (fields: Partial<CustomerFields>) =>
    adapter.mapping('customers').toPayload({ id: randomUUID(), sourceId: 's-1', fields: { ...NOBODY, ...fields } });
  /** The requests that write, as method and path behind the audience. */
  const writes = async () =>
    (await account.calls())
      .filter(({ method }) => method !== 'GET')
      .map(({ method, path }) => `${method} ${path.replace(`/3.0/lists/${account.list}`, '')}`);
  const members = <T extends object>() => account.objects<T & { readonly status: string }>('members');
  return {
    control,
    session,
    writer,
    map,
    writes,
    members,
    account: () => account,
    proxy: () => proxy,
    adapter: () => adapter,
  };
}

const NOBODY: CustomerFields = {
  ...{ name: null, email: 'ada@example.com', phone: null, address: null, marketingConsent: null, metadata: {} },
};

export const aKey = () => ({ idempotencyKey: `test-${randomUUID()}` });
/** Options of an update that follows this reading or write. */
export const following = (remote: ProviderRecord | null) => ({
  ...aKey(),
  clearedMetadataKeys: [],
  externalState: remote?.externalState ?? null,
});

/** The details of the ProviderError that a call ends with. */
export async function detailsOf(call: Promise<unknown>) {
  const error = await call.then(
    () => null,
    (caught: unknown) => caught,
  );
  if (!(error instanceof ProviderError)) throw new Error('the call was not refused by the provider');
  return error.details;
}
