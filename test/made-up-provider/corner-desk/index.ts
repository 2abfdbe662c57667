import { addressField, credentials, oauth2, secretField, textField } from '../../../providers/kit/connect-methods.ts';
import { defineProvider } from '../../../providers/kit/define-provider.ts';
import { concurrent, perSecond } from '../../../providers/limits/limits.ts';
import { createCornerDeskAdapter } from './adapter.ts';
import { cornerDeskFlows } from './oauth.ts';
import { CORNER_DESK_SETTINGS } from './settings.ts';
import { cornerDeskWebhooks } from './webhooks.ts';

/** A provider that does not exist, as the real ones are defined. CONTRIBUTING.md walks through it. */
export const cornerDesk = defineProvider({
  id: 'corner-desk',
  displayName: 'Corner Desk',
  apiVersion: { name: '2', endsOn: '2027-12-31' },
  settings: CORNER_DESK_SETTINGS,
  resources: [
    { resource: 'customers', directions: ['push', 'pull'] },
    { resource: 'loyalty-cards', directions: ['push', 'pull'] },
  ],
  limits: {
    production: [perSecond(200), concurrent(4)],
    sandbox: [perSecond(200), concurrent(4)],
  },
  connect: [
    oauth2({ needs: ['appId', 'appSecret', 'hostedUrl'], flows: cornerDeskFlows }),
    credentials({
      fields: {
        baseUrl: addressField('Where the venue’s Corner Desk is.'),
        user: textField('Name of the user.', /^[\w.@-]+$/, 'Must be letters, digits, dots, dashes and at signs'),
        password: secretField('Password of the user.'),
      },
    }),
  ],
  webhooks: cornerDeskWebhooks,
  adapter: createCornerDeskAdapter,
});
