-- expect: line 2: orders SET SCHEMA: the release that runs still looks for it in the old schema; write it into V<version>__contract_<words>.sql, for after the last release that uses it
ALTER TABLE orders SET SCHEMA old;
