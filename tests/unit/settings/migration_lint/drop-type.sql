-- expect: line 4: DROP TYPE shop.size: the release that runs still uses it; write it into V<version>__contract_<words>.sql, for after the last release that uses it
CREATE TYPE colour AS ENUM ('red');
DROP TYPE colour;
DROP TYPE shop.size;
