-- A two-way run asks which of the venue's customers have the addresses of the provider's, without regard to case.
create index customers_email on customers (venue_id,lower(email)) where length(email) <= 512;
