-- expect: line 2: ALTER TABLE orders ENABLE ROW LEVEL SECURITY: rows vanish for the release that runs; write it into V<version>__contract_<words>.sql, for after the last release that uses it
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
