// What the worker bundles. An export's name is its workflow type, so it is part of the contract.
export { syncConnection } from './sync-connection.ts';
