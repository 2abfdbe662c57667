drop table connection_reach;
