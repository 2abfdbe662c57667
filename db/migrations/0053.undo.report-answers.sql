drop function remove_expired_report_answers(integer, text, integer);
drop table report_answers;
