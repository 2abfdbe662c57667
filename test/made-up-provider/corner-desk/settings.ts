import type { ProviderSettings, SettingValues } from '../../../config/provider-settings.ts';
import { NETWORKS_FORM, networks, secretList } from '../../../config/variable.ts';

/** Become CORNER_DESK_WEBHOOK_KEY and CORNER_DESK_PRIVATE_ADDRESSES. */
export const CORNER_DESK_SETTINGS = {
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
