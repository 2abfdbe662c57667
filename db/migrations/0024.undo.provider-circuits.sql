drop table provider_brakes;
drop table provider_circuits;
