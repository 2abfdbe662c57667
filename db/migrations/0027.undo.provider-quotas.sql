drop table provider_quotas;
