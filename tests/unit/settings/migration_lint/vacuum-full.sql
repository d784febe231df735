-- expect: line 2: VACUUM FULL: it rewrites the table under ACCESS EXCLUSIVE: no reads or writes; write VACUUM, without FULL
VACUUM FULL orders;
