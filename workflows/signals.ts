import { defineSignal, setHandler } from '@temporalio/workflow';
import { APPROVE_SIGNAL, WAKE_SIGNAL } from '../contracts/sync.ts';
import type { ApproveSignal } from '../contracts/sync.ts';

/** The signals that a run has received since it last looked. */
export class Instructions {
  approval: ApproveSignal | null = null;
  woken = false;

  constructor() {
    setHandler(
      defineSignal<[ApproveSignal?]>(APPROVE_SIGNAL),
      // A signal sent from the Web UI may carry no name.
      (approval) => {
        this.approval = approval ?? { by: 'temporal-ui' };
      },
      {
        description:
          'Approves a run that waits because it would archive many records. Look at the run’s details first.',
      },
    );
    setHandler(
      defineSignal(WAKE_SIGNAL),
      () => {
        this.woken = true;
      },
      { description: 'Makes a waiting run try again at once.' },
    );
  }
}
