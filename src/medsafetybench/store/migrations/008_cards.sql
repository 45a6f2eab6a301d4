-- Judge cards: how far a judge agreed with people on a labelled set, one for each part of a set and
-- each size of a sample of it. What is in one: results/judge_card.py.

CREATE TABLE judge_cards (
    judge   TEXT NOT NULL,               -- the judge's key: a judge changed is a judge unchecked
    name    TEXT NOT NULL,               -- of the set; of labels of a run, the run's id
    part    TEXT NOT NULL,               -- tune, test or all
    n       INTEGER NOT NULL,            -- responses
    created TEXT NOT NULL,               -- UTC, ISO 8601
    card    TEXT NOT NULL,               -- JSON
    PRIMARY KEY (judge, name, part, n)
) WITHOUT ROWID;
