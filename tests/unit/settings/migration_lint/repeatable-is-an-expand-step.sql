-- script: R__contract_totals.sql
-- expect: line 4: DROP VIEW old_totals: the release that runs still uses it; write it into V<version>__contract_<words>.sql, for after the last release that uses it
CREATE OR REPLACE VIEW totals AS SELECT 1 AS one;
DROP VIEW old_totals;
