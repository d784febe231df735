-- expect: line 2: ALTER TABLE orders ADD CONSTRAINT EXCLUDE: it builds an index under ACCESS EXCLUSIVE, which cannot be done beforehand; make a new table that has it, and fill that in steps
ALTER TABLE orders ADD EXCLUDE USING gist (span WITH &&);
