-- expect: line 8: ALTER TABLE orders ADD COLUMN c: its default differs from row to row, so it rewrites the table under ACCESS EXCLUSIVE: no reads or writes until it is done; add the column without a default, set the default, then fill the old rows in a later script
-- expect: line 8: ALTER TABLE orders ADD COLUMN d: its default differs from row to row, so it rewrites the table under ACCESS EXCLUSIVE: no reads or writes until it is done; add the column without a default, set the default, then fill the old rows in a later script
-- expect: line 8: ALTER TABLE orders ADD COLUMN e: its default differs from row to row, so it rewrites the table under ACCESS EXCLUSIVE: no reads or writes until it is done; add the column without a default, set the default, then fill the old rows in a later script
-- expect: line 8: ALTER TABLE orders ADD COLUMN f STORED: it rewrites the table under ACCESS EXCLUSIVE: no reads or writes until it is done; write VIRTUAL, or fill a plain column by a trigger
-- expect: line 8: ALTER TABLE orders ADD COLUMN h UNIQUE: it builds an index under ACCESS EXCLUSIVE: no reads or writes until it is done; add the column alone, then CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT ... USING INDEX
-- expect: line 8: ALTER TABLE orders ADD COLUMN i CHECK: it reads the whole table under ACCESS EXCLUSIVE: no reads or writes until it is done; add the column alone, the constraint NOT VALID, and VALIDATE it in a later script
-- expect: line 8: ALTER TABLE orders ADD COLUMN k REFERENCES: it reads the whole table under ACCESS EXCLUSIVE: no reads or writes until it is done; add the column alone, the constraint NOT VALID, and VALIDATE it in a later script
ALTER TABLE orders
    ADD COLUMN a timestamptz DEFAULT now(),
    ADD COLUMN b text NOT NULL DEFAULT 'red',
    ADD COLUMN c uuid DEFAULT gen_random_uuid(),
    ADD COLUMN d bigserial,
    ADD COLUMN e bigint GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN f numeric GENERATED ALWAYS AS (total * 2) STORED,
    ADD COLUMN g numeric GENERATED ALWAYS AS (total * 2) VIRTUAL,
    ADD COLUMN h text UNIQUE,
    ADD COLUMN i int CHECK (i > 0),
    ADD COLUMN j uuid REFERENCES shops (id),
    ADD COLUMN k int DEFAULT 1 REFERENCES colours (id);
