drop function delete_unapproved_connections();
