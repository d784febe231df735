-- expect: line 2: CLUSTER: it rewrites the table under ACCESS EXCLUSIVE: no reads or writes; leave it out
CLUSTER orders;
