-- expect: line 2: RENAME orders.total TO amount: the release that runs still uses the old name; write it into V<version>__contract_<words>.sql, for after the last release that uses it
ALTER TABLE orders RENAME COLUMN total TO amount;
ALTER INDEX orders_by_day RENAME TO orders_by_date;
