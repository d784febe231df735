-- script: afterMigrate__index.sql
-- expect: line 3: CREATE INDEX CONCURRENTLY: a repeatable script or a callback runs again and again, and this cannot run in a transaction with the others; write it into a versioned script of its own
CREATE INDEX CONCURRENTLY orders_by_day ON orders (day);
