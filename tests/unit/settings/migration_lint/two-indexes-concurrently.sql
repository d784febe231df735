-- expect: line 3: CREATE INDEX CONCURRENTLY: without a transaction, when the second statement fails the first stays and the script cannot run again; give each a script of its own
-- expect: line 4: CREATE INDEX CONCURRENTLY: without a transaction, when the second statement fails the first stays and the script cannot run again; give each a script of its own
CREATE INDEX CONCURRENTLY orders_by_day ON orders (day);
CREATE INDEX CONCURRENTLY orders_by_shop ON orders (shop);
