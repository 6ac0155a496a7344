-- When a stay has a row: at the times of its own rows.
CREATE OR REPLACE TEMP TABLE times AS
SELECT DISTINCT s.stay_id, c.owner, c.charttime, hour_of(c.charttime, s.intime) AS hour
FROM cleaned AS c
JOIN stays AS s ON s.stay_id = c.owner
WHERE c.reason IS NULL;
