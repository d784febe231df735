-- expect: line 2: ALTER TABLE orders ADD CONSTRAINT total_is_positive CHECK: it reads the whole table under ACCESS EXCLUSIVE: no reads or writes until it is done; add it NOT VALID, and VALIDATE CONSTRAINT in a later script
ALTER TABLE orders ADD CONSTRAINT total_is_positive CHECK (total > 0);
