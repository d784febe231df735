-- expect: line 3: COPY FROM STDIN: its data are not SQL, so nothing in the script can be read by the parser; write INSERT ... VALUES, in scripts of some thousand rows
SELECT 1;
COPY colours (name) FROM stdin;
red
\.
