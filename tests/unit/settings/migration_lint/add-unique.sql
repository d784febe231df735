-- expect: line 2: ALTER TABLE orders ADD CONSTRAINT one_number UNIQUE: it builds an index under ACCESS EXCLUSIVE: no reads or writes until it is done; CREATE UNIQUE INDEX CONCURRENTLY in a script of its own, then ADD CONSTRAINT ... USING INDEX
ALTER TABLE orders ADD CONSTRAINT one_number UNIQUE (number);
ALTER TABLE orders ADD CONSTRAINT other_number UNIQUE USING INDEX orders_by_other_number;
