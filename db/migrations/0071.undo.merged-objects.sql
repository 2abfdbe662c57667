drop table merged_objects;
