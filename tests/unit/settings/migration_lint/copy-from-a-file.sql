-- expect: line 2: COPY: a file or a program of the database's machine is not part of the script; write INSERT ... VALUES
COPY colours FROM '/etc/passwd';
