// What the worker bundles. An export's name is its workflow type, so it is part of the contract.
export { authorizeConnection } from './authorize-connection.ts';
export { keepConnectionFresh } from './keep-connection-fresh.ts';
export { removeExpiredRows } from './remove-expired-rows.ts';
export { rotateVaultKeys } from './rotate-vault-keys.ts';
export { scheduledSync } from './scheduled-sync.ts';
export { syncConnection } from './sync-connection.ts';
export { testConnection } from './test-connection.ts';
