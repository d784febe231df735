-- expect: line 3: ALTER TABLE orders SET UNLOGGED: it rewrites the table under ACCESS EXCLUSIVE: no reads or writes until it is done; make a new table or column, fill it in steps, and use that
-- expect: line 4: ALTER TABLE orders SET TABLESPACE: it rewrites the table under ACCESS EXCLUSIVE: no reads or writes until it is done; make a new table or column, fill it in steps, and use that
ALTER TABLE orders SET UNLOGGED;
ALTER TABLE orders SET TABLESPACE slow;
