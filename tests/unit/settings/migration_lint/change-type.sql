-- expect: line 2: ALTER TABLE orders ALTER COLUMN total TYPE: the release that runs still reads and writes the old type; write it into V<version>__contract_<words>.sql, for after the last release that uses it
ALTER TABLE orders ALTER COLUMN total TYPE numeric(12, 2);
