/**
 * Provider packages that are loaded when the first account needs them. A bundle excludes them, so that they stay
 * separate files.
 */
export const LAZY_PACKAGES = ['square'] as const;
