import { defineSignal, setHandler } from '@temporalio/workflow';
import { APPROVE_SIGNAL, WAKE_SIGNAL } from '../contracts/sync.ts';
import type { ApproveSignal } from '../contracts/sync.ts';

/** What people and the API have told a run since it last asked. */
export class Instructions {
  approval: ApproveSignal | null = null;
  woken = false;

  constructor() {
    setHandler(
      defineSignal<[ApproveSignal?]>(APPROVE_SIGNAL),
      // Sent by hand in the Web UI it may come without a name.
      (approval) => {
        this.approval = approval ?? { by: 'temporal-ui' };
      },
      {
        description:
          'Lets a run go on that waits because it would archive many records. Look at the run’s details first.',
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
