-- expect: line 3: ALTER TABLE orders DROP EXPRESSION total: the release that runs still expects the value to be made; write it into V<version>__contract_<words>.sql, for after the last release that uses it
-- expect: line 3: ALTER TABLE orders DROP IDENTITY number: the release that runs inserts rows without this column; write it into V<version>__contract_<words>.sql, for after the last release that uses it
ALTER TABLE orders ALTER COLUMN number DROP IDENTITY, ALTER COLUMN total DROP EXPRESSION;
