-- A constraint cannot be made unchecked again: the undoing of the migration before takes it away.
select 1;
