-- expect: line 2: ALTER TABLE orders ADD COLUMN colour NOT NULL: the inserts of the release that runs fail, as does the statement itself where the table has rows; give it a constant DEFAULT, or leave out NOT NULL
ALTER TABLE orders ADD COLUMN colour text NOT NULL;
