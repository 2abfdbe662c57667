-- Where the next pull goes on in a change feed that is read since a token. Feeds that are read since a moment go on from the watermark.
alter table sync_cursors add column feed_cursor jsonb;
