-- expect: line 2: ALTER TABLE orders DROP COLUMN total: the release that runs still uses it; write it into V<version>__contract_<words>.sql, for after the last release that uses it
ALTER TABLE orders
    ADD COLUMN note text,
    DROP COLUMN total;
