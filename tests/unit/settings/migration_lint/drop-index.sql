-- expect: line 2: DROP INDEX shop.orders_by_day: it holds ACCESS EXCLUSIVE on the index's table, and the release that runs may need shop.orders_by_day to be fast; write DROP INDEX CONCURRENTLY shop.orders_by_day, in a script of its own
DROP INDEX shop.orders_by_day;
