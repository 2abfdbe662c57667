alter table venue_api_keys drop column fields;
