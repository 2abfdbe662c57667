// Entry point of the workflow bundle. Each export's name is its workflow type, so renaming one breaks open workflows.
export { authorizeConnection } from './authorize-connection.ts';
export { deliverWebhooks } from './deliver-webhooks.ts';
export { drainInbox } from './drain-inbox.ts';
export { keepConnectionFresh } from './keep-connection-fresh.ts';
export { processWebhook } from './process-webhook.ts';
export { reconcileConnection } from './reconcile-connection.ts';
export { reprojectRecords } from './reproject-records.ts';
export { removeExpiredRows } from './remove-expired-rows.ts';
export { repairDiscrepancy } from './repair-discrepancy.ts';
export { rotateVaultKeys } from './rotate-vault-keys.ts';
export { scheduledSync } from './scheduled-sync.ts';
export { sweepInbox } from './sweep-inbox.ts';
export { syncConnection } from './sync-connection.ts';
export { testConnection } from './test-connection.ts';
export { testSubscription } from './test-subscription.ts';
export { tryMapping } from './try-mapping.ts';
