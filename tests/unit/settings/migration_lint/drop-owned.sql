-- expect: line 2: DROP OWNED: the release that runs still uses what the role owns; write it into V<version>__contract_<words>.sql, for after the last release that uses it
DROP OWNED BY somebody;
