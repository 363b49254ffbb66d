-- What happened; only ever added to.
CREATE TABLE events (
    seq BIGINT PRIMARY KEY,
    time TEXT NOT NULL,
    actor TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    revision BIGINT NOT NULL,
    body TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL,
    UNIQUE (subject, revision)
);
CREATE INDEX events_at ON events (subject, time, seq);
CREATE INDEX events_by_time ON events (time, seq);

-- What is: everything below is derived from the events, and fsck compares the two.
CREATE TABLE packages (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    seq BIGINT NOT NULL
);
CREATE TABLE versions (
    seq BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    digest TEXT NOT NULL,
    publisher TEXT NOT NULL,
    published TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    description TEXT NOT NULL,
    route TEXT,
    withdrawn TEXT,
    UNIQUE (name, version)
);
CREATE INDEX versions_of ON versions (name, seq);
CREATE INDEX versions_by_digest ON versions (digest);
CREATE TABLE routes (
    route TEXT PRIMARY KEY,
    seq BIGINT NOT NULL,
    policy TEXT NOT NULL,
    line TEXT NOT NULL
);
CREATE TABLE arms (
    route TEXT NOT NULL,
    place TEXT NOT NULL,
    name TEXT NOT NULL,
    package TEXT NOT NULL,
    digest TEXT NOT NULL,
    share BIGINT NOT NULL,
    salt TEXT,
    PRIMARY KEY (route, place)
);
CREATE INDEX arms_of ON arms (name, place);
CREATE TABLE approvals (
    seq BIGINT PRIMARY KEY,
    route TEXT NOT NULL,
    digest TEXT NOT NULL,
    package TEXT NOT NULL,
    approver TEXT NOT NULL,
    evidence TEXT NOT NULL,
    expires TEXT NOT NULL
);
CREATE INDEX approvals_of ON approvals (route, digest);
CREATE TABLE held (
    route TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (route, digest)
);
