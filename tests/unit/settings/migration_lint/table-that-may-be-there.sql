-- expect: line 3: CREATE INDEX shops_by_name: it holds SHARE on shops until the index is built: no writes; write CREATE INDEX CONCURRENTLY, in a script of its own
CREATE TABLE IF NOT EXISTS shops (id uuid);
CREATE INDEX shops_by_name ON shops (name);
