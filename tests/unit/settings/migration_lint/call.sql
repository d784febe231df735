-- expect: line 2: CALL: a procedure runs, and the lint does not read the bodies of procedures; write a comment before it that says why it is safe: -- lint: <reason>
CALL fill();
