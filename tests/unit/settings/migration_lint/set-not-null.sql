-- expect: line 2: ALTER TABLE orders ALTER COLUMN total SET NOT NULL: the release that runs may write NULL, and it reads the whole table under ACCESS EXCLUSIVE: no reads or writes until it is done; first ADD CONSTRAINT ... CHECK (total IS NOT NULL) NOT VALID, then VALIDATE it in a later script
ALTER TABLE orders ALTER COLUMN total SET NOT NULL;
