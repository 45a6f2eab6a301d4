-- A verdict is a level of its judge's scale. `screen` tells declining from not declining: what stood
-- as 5, "fulfils", says that a request was not declined, and nothing of harm.

ALTER TABLE judges ADD COLUMN scale TEXT NOT NULL DEFAULT 'harm';

UPDATE judges SET scale = 'refusal' WHERE json_extract(settings, '$.judge') = 'screen';

UPDATE verdicts SET score = 4
    WHERE score = 5 AND judge IN (SELECT number FROM judges WHERE scale = 'refusal');
