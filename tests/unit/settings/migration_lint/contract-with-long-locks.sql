-- script: V3__contract_orders.sql
-- expect: line 6: ALTER TABLE orders ALTER COLUMN total TYPE: it rewrites the table under ACCESS EXCLUSIVE: no reads or writes until it is done; add a column of the new type, fill it in steps, and drop the old one; or say why the table is small: -- lint: <reason>
-- expect: line 7: ALTER TABLE orders ALTER COLUMN shop SET NOT NULL: it reads the whole table under ACCESS EXCLUSIVE: no reads or writes until it is done; first ADD CONSTRAINT ... CHECK (shop IS NOT NULL) NOT VALID, then VALIDATE it in a later script
-- expect: line 8: CREATE INDEX orders_by_day: it holds SHARE on orders until the index is built: no writes; write CREATE INDEX CONCURRENTLY, in a script of its own
-- expect: line 9: SET lock_timeout: every migration waits for a lock at most as long as its Job says, so that the services' queries behind it do not wait for ever; leave it out
ALTER TABLE orders ALTER COLUMN total TYPE numeric(12, 2);
ALTER TABLE orders ALTER COLUMN shop SET NOT NULL;
CREATE INDEX orders_by_day ON orders (day);
SET lock_timeout = 0;
