-- expect: nothing
CREATE TABLE shops (id uuid PRIMARY KEY, name text);
CREATE INDEX shops_by_name ON shops (name);
ALTER TABLE shops ADD COLUMN street text NOT NULL, ADD CHECK (street <> ''), DROP COLUMN name;
DELETE FROM shops;
ALTER TABLE shops RENAME TO places;
DROP TABLE places;
ALTER TABLE orders ADD COLUMN colour text DEFAULT 'red';
ALTER TABLE orders ADD CONSTRAINT shop_exists FOREIGN KEY (shop) REFERENCES places (id) NOT VALID;
CREATE OR REPLACE VIEW totals AS SELECT 1 AS one;
CREATE TYPE colour AS ENUM ('red');
ALTER TYPE size ADD VALUE 'large';
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM orders; RETURN NEW; END $$;
CREATE TRIGGER stamp BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
INSERT INTO shops (id, name) SELECT id, 'unknown' FROM orders;
COMMENT ON TABLE orders IS 'what was bought';
GRANT SELECT ON totals TO "${app_role}";
