alter table connection_reach drop column included_since;
