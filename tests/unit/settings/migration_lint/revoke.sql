-- expect: line 6: REVOKE ON orders: the release that runs may still need the right; write it into V<version>__contract_<words>.sql, for after the last release that uses it
-- expect: line 7: REVOKE: the release that runs may still need the right; write it into V<version>__contract_<words>.sql, for after the last release that uses it
-- expect: line 8: REVOKE: the release that runs may still need the right; write it into V<version>__contract_<words>.sql, for after the last release that uses it
-- expect: line 9: REVOKE: the release that runs may still need the right; write it into V<version>__contract_<words>.sql, for after the last release that uses it
GRANT SELECT ON orders TO "${app_role}";
REVOKE SELECT ON orders FROM "${app_role}";
REVOKE reader FROM "${app_role}";
ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM "${app_role}";
REVOKE ALL ON ALL TABLES IN SCHEMA flyway_schema_history FROM "${app_role}";
