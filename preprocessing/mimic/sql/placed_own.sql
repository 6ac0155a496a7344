-- The rows of one bucket that lie in the first 48 hours of a stay that has a series.
--
-- Rows with a stay_id belong to that stay; rows without (laboratory rows linked by time) to
-- the stay of the patient that they fall into. owner: among whose rows duplicates are sought.
--
-- Reads the tables cleaned and stays.
CREATE OR REPLACE TEMP TABLE placed AS
WITH timed AS (
    SELECT
        c.*,
        s.stay_id AS owner,
        CASE
            WHEN s.stay_id IS NULL AND c.stay_id IS NULL THEN 'outside of the first 48 hours'
            WHEN s.stay_id IS NULL THEN 'stay without a series'
            -- Charted with the wrong year (mimic-code#1694).
            WHEN abs(epoch(c.charttime) - epoch(s.intime)) > 300 * 86400 THEN 'a year off'
            WHEN hour_of(c.charttime, s.intime) IS NULL THEN 'outside of the first 48 hours'
            WHEN getvariable('horizon') = 'storetime'
                AND (c.storetime IS NULL OR c.storetime > s.intime + INTERVAL 48 HOUR)
                THEN 'not stored by hour 48'
        END AS reason_placed
    FROM cleaned AS c
    LEFT JOIN stays AS s
        ON s.subject_id = c.subject_id
        AND s.has_series
        AND (
            s.stay_id = c.stay_id
            OR c.stay_id IS NULL AND hour_of(c.charttime, s.intime) IS NOT NULL
        )
    WHERE c.reason IS NULL
)
SELECT * REPLACE (reason_placed AS reason) FROM timed;
