--- dangerous copy-stdin
COPY cities (name) FROM stdin;
--- safe
INSERT INTO cities (name) VALUES ('Oslo');
