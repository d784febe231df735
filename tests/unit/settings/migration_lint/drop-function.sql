-- expect: line 4: DROP FUNCTION fill: the release that runs still uses it; write it into V<version>__contract_<words>.sql, for after the last release that uses it
CREATE FUNCTION fill(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';
DROP FUNCTION fill(int);
DROP FUNCTION fill(int, int);
