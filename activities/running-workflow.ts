import { getClient } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';

/**
 * For activities: whether any workflow of this id is open, also one that is just closing, or of a retry that has just
 * begun. Throws when Temporal does not answer.
 */
export async function isRunning(workflowId: string): Promise<boolean> {
  try {
    const { status } = await getClient().workflow.getHandle(workflowId).describe();
    return status.name === 'RUNNING' || status.name === 'PAUSED';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
