-- expect: line 2: TRUNCATE orders: it loses every row, under ACCESS EXCLUSIVE; write it into V<version>__contract_<words>.sql, for after the last release that uses it
TRUNCATE orders;
