-- expect: line 2: ALTER TABLE orders ATTACH PARTITION: without a check that says its bounds, it reads the whole table under ACCESS EXCLUSIVE: no reads or writes until it is done; add the partition's bounds as a CHECK that is validated first, and say so: -- lint: <reason>
ALTER TABLE orders ATTACH PARTITION orders_of_2027 FOR VALUES FROM (2027) TO (2028);
