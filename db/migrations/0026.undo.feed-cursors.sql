alter table sync_cursors drop column feed_cursor;
