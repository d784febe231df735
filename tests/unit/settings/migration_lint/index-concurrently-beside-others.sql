-- expect: line 3: CREATE INDEX CONCURRENTLY: it cannot run in a transaction, and Flyway refuses a script that has statements of both kinds; give it a script of its own
ALTER TABLE orders ADD COLUMN colour text;
CREATE INDEX CONCURRENTLY orders_by_colour ON orders (colour);
