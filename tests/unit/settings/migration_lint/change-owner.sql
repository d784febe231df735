-- expect: line 3: ALTER TABLE orders OWNER TO: the release that runs, and the next migration, lose the rights that come from the owner; write it into V<version>__contract_<words>.sql, for after the last release that uses it
-- expect: line 4: fill OWNER TO: the rights that come from the owner are lost; write it into V<version>__contract_<words>.sql, for after the last release that uses it
ALTER TABLE orders OWNER TO somebody;
ALTER FUNCTION fill(int) OWNER TO somebody;
