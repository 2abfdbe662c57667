import type { ProviderSettings, SettingValues } from '../../../config/provider-settings.ts';
import { NETWORKS_FORM, URL_FORM, httpUrl, networks, secret, secretList, text } from '../../../config/variable.ts';

/** Become CORNER_DESK_WEBHOOK_KEY and so on. */
export const CORNER_DESK_SETTINGS = {
  hostedUrl: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Where Corner Desk hosts desks, for connections by consent.',
    obtain: 'Corner Desk: Developers.',
    neededWith: ['appId'],
    secret: false,
  },
  appId: {
    schema: text,
    form: 'the id of an app',
    description: 'Id of our app at Corner Desk.',
    obtain: 'Corner Desk: Developers, Apps.',
    neededWith: ['appSecret'],
    secret: false,
  },
  appSecret: {
    schema: secret,
    form: 'the secret of an app',
    description: 'Secret of our app at Corner Desk.',
    obtain: 'Corner Desk: Developers, Apps.',
    neededWith: ['appId'],
    secret: true,
  },
  webhookKey: {
    schema: secretList(/^\S{16,}$/),
    form: 'a key of at least 16 characters, or two separated by a comma while one replaces the other',
    description: 'Key that Corner Desk signs webhooks with.',
    obtain: 'Corner Desk: Settings, Webhooks.',
    readBy: ['api'],
    secret: true,
  },
  privateAddresses: {
    schema: networks,
    form: NETWORKS_FORM,
    description: 'Addresses of Corner Desks that are not public and may be called all the same.',
    obtain: 'The network in which venues run theirs.',
    secret: false,
  },
} as const satisfies ProviderSettings;

export type CornerDeskSettings = SettingValues<typeof CORNER_DESK_SETTINGS>;
