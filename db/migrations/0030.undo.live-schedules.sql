alter table connections drop column live_schedules;
