-- When a stay has a row: at the times of its own rows, and whenever its patient has a row
-- between its intime and outtime, whichever stay or admission that row belongs to (2.4.7).
CREATE OR REPLACE TEMP TABLE times AS
SELECT DISTINCT
    s.stay_id,
    p.owner,
    p.charttime,
    hour_of(p.charttime, s.intime) AS hour
FROM (SELECT DISTINCT owner, stay_id, charttime FROM cleaned WHERE reason IS NULL) AS p
JOIN stays AS s
    ON s.subject_id = p.owner
    AND s.has_series
    AND (s.stay_id = p.stay_id OR p.charttime BETWEEN s.intime AND s.outtime);
