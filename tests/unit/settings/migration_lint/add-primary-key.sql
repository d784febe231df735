-- expect: line 2: ALTER TABLE orders ADD CONSTRAINT PRIMARY KEY: it builds an index under ACCESS EXCLUSIVE: no reads or writes until it is done; CREATE UNIQUE INDEX CONCURRENTLY in a script of its own, then ADD CONSTRAINT ... USING INDEX
ALTER TABLE orders ADD PRIMARY KEY (id);
