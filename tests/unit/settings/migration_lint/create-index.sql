-- expect: line 2: CREATE INDEX orders_by_day: it holds SHARE on orders until the index is built: no writes; write CREATE INDEX CONCURRENTLY, in a script of its own
CREATE INDEX orders_by_day ON orders (day);
