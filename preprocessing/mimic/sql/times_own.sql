-- When a stay has a row: at the times of its own rows.
CREATE OR REPLACE TEMP TABLE times AS
SELECT DISTINCT s.stay_id, p.owner, p.charttime, hour_of(p.charttime, s.intime) AS hour
FROM placed AS p
JOIN stays AS s ON s.stay_id = p.owner
WHERE p.reason IS NULL;
