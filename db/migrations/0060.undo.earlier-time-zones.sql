alter table venues drop column earlier_time_zones;
