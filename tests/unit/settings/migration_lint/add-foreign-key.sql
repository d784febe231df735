-- expect: line 2: ALTER TABLE orders ADD CONSTRAINT shop_exists FOREIGN KEY: it reads the whole table under SHARE ROW EXCLUSIVE on both tables: no writes until it is done; add it NOT VALID, and VALIDATE CONSTRAINT in a later script
ALTER TABLE orders ADD CONSTRAINT shop_exists FOREIGN KEY (shop) REFERENCES shops (id);
