-- expect: line 3: ALTER TYPE colour RENAME VALUE 'red': the release that runs still writes the old value; write it into V<version>__contract_<words>.sql, for after the last release that uses it
ALTER TYPE colour ADD VALUE 'blue';
ALTER TYPE colour RENAME VALUE 'red' TO 'crimson';
