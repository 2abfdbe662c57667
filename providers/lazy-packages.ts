/** npm packages of providers that are loaded when the first of their accounts is met. A bundle leaves them out, so that they stay files of their own. */
export const LAZY_PACKAGES = ['square'] as const;
