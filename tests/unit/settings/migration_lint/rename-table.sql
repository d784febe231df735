-- expect: line 2: RENAME orders TO purchases: the release that runs still uses the old name; write it into V<version>__contract_<words>.sql, for after the last release that uses it
ALTER TABLE orders RENAME TO purchases;
