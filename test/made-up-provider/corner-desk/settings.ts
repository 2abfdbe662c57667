import type { ProviderSettings, SettingValues } from '../../../config/provider-settings.ts';
import { secretList } from '../../../config/variable.ts';

/** Becomes CORNER_DESK_WEBHOOK_KEY. */
export const CORNER_DESK_SETTINGS = {
  webhookKey: {
    schema: secretList(/^\S{16,}$/),
    form: 'a key of at least 16 characters, or two separated by a comma while one replaces the other',
    description: 'Key that Corner Desk signs webhooks with.',
    obtain: 'Corner Desk: Settings, Webhooks.',
    readBy: ['api'],
    secret: true,
  },
} as const satisfies ProviderSettings;

export type CornerDeskSettings = SettingValues<typeof CORNER_DESK_SETTINGS>;
