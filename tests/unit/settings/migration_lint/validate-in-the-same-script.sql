-- expect: line 3: ALTER TABLE orders VALIDATE CONSTRAINT total_is_positive: the script still holds a strong lock on orders while it reads all rows: no writes until it is done; write it into a later script of its own
ALTER TABLE orders ADD CONSTRAINT total_is_positive CHECK (total > 0) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT total_is_positive;
