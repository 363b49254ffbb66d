-- What was concluded of the packages that are on a route: derived from the events.
CREATE TABLE verdicts (
    route TEXT NOT NULL,
    digest TEXT NOT NULL,
    seq BIGINT NOT NULL,
    package TEXT NOT NULL,
    rollout TEXT NOT NULL,
    action TEXT NOT NULL,
    sentence TEXT NOT NULL,
    evidence TEXT NOT NULL,
    reason TEXT NOT NULL,
    person TEXT NOT NULL,
    time TEXT NOT NULL,
    PRIMARY KEY (route, digest)
);

-- The salt of each layer, drawn when a policy first names it: derived from the events.
CREATE TABLE layers (
    name TEXT PRIMARY KEY,
    salt TEXT NOT NULL,
    seq BIGINT NOT NULL
);
ALTER TABLE arms ADD COLUMN layer TEXT;
