-- expect: line 2: LOCK TABLE orders: it holds the lock until the script has ended; leave it out: every statement takes the lock that it needs
LOCK TABLE orders IN ACCESS SHARE MODE;
