// What the worker bundles. An export's name is its workflow type, so it is part of the contract.
export { rotateVaultKeys } from './rotate-vault-keys.ts';
export { scheduledSync } from './scheduled-sync.ts';
export { syncConnection } from './sync-connection.ts';
