-- expect: nothing
DROP INDEX CONCURRENTLY orders_by_day;
