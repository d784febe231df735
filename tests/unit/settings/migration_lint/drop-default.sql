-- expect: line 3: ALTER TABLE orders ALTER COLUMN total DROP DEFAULT: the release that runs inserts rows without this column; write it into V<version>__contract_<words>.sql, for after the last release that uses it
ALTER TABLE orders ALTER COLUMN total SET DEFAULT 0;
ALTER TABLE orders ALTER COLUMN total DROP DEFAULT;
