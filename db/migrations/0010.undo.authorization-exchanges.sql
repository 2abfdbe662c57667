drop table authorization_exchanges;
