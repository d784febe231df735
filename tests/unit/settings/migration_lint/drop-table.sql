-- expect: line 3: DROP TABLE old: the release that runs still uses it; write it into V<version>__contract_<words>.sql, for after the last release that uses it
CREATE TABLE new (a int);
DROP TABLE old, new;
