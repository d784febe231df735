-- expect: line 2: REINDEX: it locks the table against writes, and the index against reads, until the index is built; CREATE INDEX CONCURRENTLY under a new name, then DROP INDEX CONCURRENTLY the old one
REINDEX TABLE orders;
