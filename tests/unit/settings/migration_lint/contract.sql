-- script: V3__contract_orders.sql
-- expect: nothing
ALTER TABLE orders DROP COLUMN total, DROP CONSTRAINT total_is_positive;
DROP TABLE shops;
DROP INDEX orders_by_day;
ALTER TABLE orders RENAME TO purchases;
TRUNCATE lines;
REVOKE SELECT ON lines FROM "${app_role}";
