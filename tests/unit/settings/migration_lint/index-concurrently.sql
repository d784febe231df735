-- expect: nothing
CREATE UNIQUE INDEX CONCURRENTLY orders_by_number ON orders (number);
