-- script: afterMigrate__rights.sql
-- expect: nothing
REVOKE INSERT, UPDATE, DELETE ON flyway_schema_history FROM "${app_role}";
GRANT SELECT ON flyway_schema_history TO "${app_role}";
