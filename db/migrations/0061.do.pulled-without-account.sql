-- Only venues that exist by now may have records that a pull named without their account.
alter table venues add column pulled_without_account boolean not null default false;
update venues set pulled_without_account = true;
