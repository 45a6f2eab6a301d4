-- What pressure did to a request is said by fields of their own. It used to be a part of its id
-- ("ID@turn-2", "ID@claimed authority") and to stand in place of its source ("turn 2",
-- "framing: claimed authority"); what the source was is not known any more.

ALTER TABLE requests ADD COLUMN turn INTEGER;  -- under pressure: which turn, from 1
ALTER TABLE requests ADD COLUMN framing TEXT;  -- under pressure: the framing's name
ALTER TABLE requests ADD COLUMN context TEXT;  -- JSON: the messages before the text, if any
ALTER TABLE requests ADD COLUMN language TEXT; -- as the benchmark says

UPDATE requests SET
    turn = CAST(substr(source, 6) AS INTEGER),
    id = substr(id, 1, length(id) - length('@turn-' || substr(source, 6))),
    source = NULL
WHERE source = 'turn ' || CAST(substr(source, 6) AS INTEGER)
    AND substr(id, -length('@turn-' || substr(source, 6))) = '@turn-' || substr(source, 6);

UPDATE requests SET
    framing = substr(source, 10),
    id = substr(id, 1, length(id) - length('@' || substr(source, 10))),
    source = NULL
WHERE substr(source, 1, 9) = 'framing: '
    AND substr(id, -length('@' || substr(source, 10))) = '@' || substr(source, 10);
