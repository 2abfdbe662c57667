import { createRecordStore } from '../../../db/records/record-store.ts';
import type { CustomerFields } from '../../../records/customers.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { startMailchimpSandbox } from '../../../sandbox/mailchimp/mailchimp-sandbox.ts';
import { mailchimpSandboxControl } from '../../support/sandbox/mailchimp-account.ts';
import type { MailchimpAccount } from '../../support/sandbox/mailchimp-account.ts';
import { createUnpacedProviders } from '../../support/test-providers.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

export interface MailchimpVenue extends TestVenue {
  readonly account: MailchimpAccount;
}

/** The activities with their real parts against the stand-in Mailchimp. */
export async function createMailchimpSyncWorld() {
  const mailchimp = await startMailchimpSandbox();
  const control = mailchimpSandboxControl(mailchimp);
  const world = await createSyncWorld({
    provider: 'mailchimp',
    // Only so that the world may be spread: nothing stands between the activities and this stand-in.
    withProxy: true,
    providersOn: (budget) => createUnpacedProviders({ mailchimp: { apiUrl: mailchimp.apiUrl } }, budget),
  });

  /** A venue, connected by key to a new account. */
  async function aMailchimpVenue(): Promise<MailchimpVenue> {
    const { venueId } = await world.aVenue('unused');
    const account = await control.addAccount();
    const { apiKey: secretKey, id } = account;
    return { ...(await world.connect(venueId, { secretKey, id, environment: 'production' })), account };
  }

  return {
    ...world,
    mailchimp: control,
    aMailchimpVenue,
    /** Loads customers of the venue's own. */
    load: ({ venueId }: TestVenue, count: number, fieldsOf: (index: number) => Partial<CustomerFields>) =>
      createRecordStore(world.database.db, RECORD_KINDS.get('customers')).upsertMany(
        venueId,
        Array.from({ length: count }, (_, index) => ({ sourceId: `c-${index}`, ...fieldsOf(index) })),
      ),
    async close() {
      await mailchimp.close();
      await world.close();
    },
  };
}

export type MailchimpSyncWorld = Awaited<ReturnType<typeof createMailchimpSyncWorld>>;
