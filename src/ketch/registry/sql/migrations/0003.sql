-- Who said no to a package in production, until somebody approves it: derived from the events.
CREATE TABLE rejections (
    seq BIGINT PRIMARY KEY,
    route TEXT NOT NULL,
    digest TEXT NOT NULL,
    package TEXT NOT NULL,
    person TEXT NOT NULL,
    time TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX rejections_of ON rejections (route, digest);
