-- Labels say how they were drawn: the requests of a run that were drawn to be labelled, in order, and
-- how far down each judge, person or not, has come. Of the labels of before this is not known.

CREATE TABLE samples (
    number    INTEGER PRIMARY KEY,
    run       INTEGER NOT NULL REFERENCES runs,
    design    TEXT NOT NULL,    -- stratified: by seed, by intent and principle; stated: by who labelled
    seed      INTEGER,          -- NULL: not known
    n         INTEGER,          -- how many were asked for; NULL: all
    intents   TEXT NOT NULL,    -- of which requests, joined by a space
    positions TEXT NOT NULL,    -- JSON: positions in the run, in the order drawn
    created   TEXT NOT NULL     -- UTC, ISO 8601
);

CREATE TABLE sample_readers (
    sample  INTEGER NOT NULL REFERENCES samples,
    judge   INTEGER NOT NULL REFERENCES judges,
    reached INTEGER NOT NULL,   -- the first so many of the positions have been before this judge
    PRIMARY KEY (sample, judge)
) WITHOUT ROWID;
