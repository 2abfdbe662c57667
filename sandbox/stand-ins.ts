import type { StandIn } from './core/stand-in.ts';
import { mailchimp } from './mailchimp/index.ts';
import { quickbooks } from './quickbooks/index.ts';
import { square } from './square/index.ts';
import { stripe } from './stripe/index.ts';
import { xero } from './xero/index.ts';

/** Every stand-in of this process. Nothing else lists them. */
export const STAND_INS: readonly StandIn[] = [stripe, square, quickbooks, mailchimp, xero];
