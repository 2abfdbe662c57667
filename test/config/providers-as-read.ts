import type { ProvidersConfig } from '../../config/provider-settings.ts';
import { mailchimpConfigOf } from '../../providers/mailchimp/settings.ts';
import type { MailchimpSettings } from '../../providers/mailchimp/settings.ts';
import { quickbooksConfigOf } from '../../providers/quickbooks/settings.ts';
import type { QuickBooksSettings } from '../../providers/quickbooks/settings.ts';
import { squareConfigOf } from '../../providers/square/settings.ts';
import type { SquareSettings } from '../../providers/square/settings.ts';
import { stripeOAuthOf } from '../../providers/stripe/settings.ts';
import type { StripeSettings } from '../../providers/stripe/settings.ts';
import { xeroConfigOf } from '../../providers/xero/settings.ts';
import type { XeroSettings } from '../../providers/xero/settings.ts';

/** The settings as each provider reads them. */
export function asRead(config: ProvidersConfig) {
  const stripe = config['stripe'] as StripeSettings;
  return {
    stripe: { ...stripe, oauth: stripeOAuthOf(stripe) },
    square: squareConfigOf(config['square'] as SquareSettings),
    quickbooks: quickbooksConfigOf(config['quickbooks'] as QuickBooksSettings),
    mailchimp: mailchimpConfigOf(config['mailchimp'] as MailchimpSettings),
    xero: xeroConfigOf(config['xero'] as XeroSettings),
  };
}
