/**
 * The version of Stripe's API that this adapter speaks: that of its calls' answers, and of the events that are read as they are. Stripe
 * keeps old versions working and names no end of any (https://docs.stripe.com/api/versioning, read 2026-11-28).
 */
export const API_VERSION = '2026-10-28.endive';

/** The largest page that Stripe gives (https://docs.stripe.com/api/pagination, read 2026-11-21). */
export const PAGE_SIZE = 100;

/** Where a push leaves our ids at Stripe. */
export const RECORD_ID_KEY = 'interlock_record_id';
export const SOURCE_ID_KEY = 'interlock_source_id';

/** Stripe keeps idempotency keys for at least 24 hours (https://docs.stripe.com/api/idempotent_requests, read 2026-11-21). */
export const STRIPE_IDEMPOTENCY = { keyLifeMs: 24 * 3_600_000 };
