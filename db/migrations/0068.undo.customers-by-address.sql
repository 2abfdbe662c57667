drop function customers_by_email(text[]);
drop index customers_email;
