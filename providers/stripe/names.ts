/** The largest page that Stripe gives (https://docs.stripe.com/api/pagination, read 2026-11-21). */
export const PAGE_SIZE = 100;

/** Where a push leaves our ids at Stripe. */
export const RECORD_ID_KEY = 'interlock_record_id';
export const SOURCE_ID_KEY = 'interlock_source_id';
