-- expect: line 3: ALTER TABLE orders DETACH PARTITION: its rows vanish for the release that runs; write it into V<version>__contract_<words>.sql, for after the last release that uses it
-- expect: line 4: ALTER TABLE orders DETACH PARTITION CONCURRENTLY: Flyway does not know that it cannot run in a transaction, and it fails there; leave out CONCURRENTLY
ALTER TABLE orders DETACH PARTITION orders_of_2020;
ALTER TABLE orders DETACH PARTITION orders_of_2021 CONCURRENTLY;
