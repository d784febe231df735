-- expect: line 3: ALTER DOMAIN amount ADD CONSTRAINT: it reads every table with a column of the domain under a SHARE lock: no writes until it is done; add the constraint NOT VALID, and VALIDATE it in a later script
-- expect: line 4: ALTER DOMAIN amount DROP: the release that runs still relies on it; write it into V<version>__contract_<words>.sql, for after the last release that uses it
ALTER DOMAIN amount ADD CHECK (VALUE > 0);
ALTER DOMAIN amount DROP CONSTRAINT small;
ALTER DOMAIN amount ADD CONSTRAINT large CHECK (VALUE < 9) NOT VALID;
