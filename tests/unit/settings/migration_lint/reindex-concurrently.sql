-- expect: line 2: REINDEX CONCURRENTLY: Flyway does not know that it cannot run in a transaction, and it fails there; CREATE INDEX CONCURRENTLY under a new name, then DROP INDEX CONCURRENTLY the old one
REINDEX INDEX CONCURRENTLY orders_by_day;
