-- expect: line 2: DISCARD: every migration waits for a lock at most as long as its Job says, so that the services' queries behind it do not wait for ever; leave it out
DISCARD ALL;
