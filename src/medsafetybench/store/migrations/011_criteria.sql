-- A request may carry criteria of its own. A judge of these gives a verdict on each, which is a row of
-- `verdicts` like any other: what decided the rubric, its `intent`, is then the criterion's key.

ALTER TABLE requests ADD COLUMN criteria TEXT; -- JSON: key, text, points and tags of each, if any
