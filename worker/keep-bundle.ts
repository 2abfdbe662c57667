import { buildWorkflowBundle } from './workflow-bundle.ts';

// For the image: its workers find the workflows bundled, and start without a bundler and without writing anything.
await buildWorkflowBundle();
