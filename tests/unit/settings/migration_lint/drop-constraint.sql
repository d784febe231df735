-- expect: line 2: ALTER TABLE orders DROP CONSTRAINT total_is_positive: the release that runs still relies on it; write it into V<version>__contract_<words>.sql, for after the last release that uses it
ALTER TABLE orders DROP CONSTRAINT total_is_positive;
