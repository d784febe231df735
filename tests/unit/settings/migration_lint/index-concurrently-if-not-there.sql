-- expect: line 2: CREATE INDEX CONCURRENTLY orders_by_day: a build that was broken off leaves an invalid index of this name, which IF NOT EXISTS takes for the index; write DROP INDEX CONCURRENTLY IF EXISTS orders_by_day before it instead
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_by_day ON orders (day);
