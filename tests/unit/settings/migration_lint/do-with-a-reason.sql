-- accept: line 6: DO ... EXECUTE: only makes partitions that are not there yet
-- accept: line 9: CREATE INDEX shops_by_name: a dozen rows
-- lint: only makes partitions that are not there yet
DO $$
BEGIN
    EXECUTE 'CREATE TABLE ' || 'orders_2027' || ' PARTITION OF orders DEFAULT';
END
$$;
CREATE INDEX shops_by_name ON shops (name); -- lint: a dozen rows
