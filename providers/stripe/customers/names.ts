/**
 * The version of Stripe's API that this adapter speaks, in its calls and in the events whose objects it trusts. Stripe
 * keeps old versions working and announces no end for any (https://docs.stripe.com/api/versioning, read 2026-11-28).
 */
export const API_VERSION = '2026-10-28.endive';

/** Stripe's largest page (https://docs.stripe.com/api/pagination, read 2026-11-21). */
export const PAGE_SIZE = 100;

/** The metadata keys in which a push stores our ids at Stripe. */
export const RECORD_ID_KEY = 'interlock_record_id';
export const SOURCE_ID_KEY = 'interlock_source_id';

/** Stripe keeps idempotency keys for at least 24 hours (https://docs.stripe.com/api/idempotent_requests, read 2026-11-21). */
export const STRIPE_IDEMPOTENCY = { keyLifeMs: 24 * 3_600_000 };
