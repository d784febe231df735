-- expect: line 2: ALTER TABLE orders DISABLE TRIGGER ALL: the release that runs still relies on them; write it into V<version>__contract_<words>.sql, for after the last release that uses it
ALTER TABLE orders DISABLE TRIGGER ALL;
