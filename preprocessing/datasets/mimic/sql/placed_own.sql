-- The rows of one bucket that lie in the first 48 hours of a stay that has a series.
--
-- Rows with a stay_id belong to that stay; rows without (laboratory rows linked by time) to
-- the stay of the patient that they fall into. owner: among whose rows duplicates are sought.
-- reason: why the row is dropped; null if it is kept.
--
-- Reads the view typed and the table stays.
CREATE OR REPLACE TEMP TABLE placed AS
SELECT
    e.source,
    s.stay_id AS owner,
    e.stay_id,
    e.itemid,
    e.charttime,
    e.value,
    e.is_number,
    CASE
        WHEN s.stay_id IS NULL AND e.stay_id IS NULL THEN 'outside of the first 48 hours'
        WHEN s.stay_id IS NULL THEN 'stay without a series'
        -- Charted with the wrong year (mimic-code#1694).
        WHEN abs(epoch(e.charttime) - epoch(s.intime)) > 300 * 86400 THEN 'a year off'
        WHEN hour_of(e.charttime, s.intime) IS NULL THEN 'outside of the first 48 hours'
        WHEN getvariable('horizon') = 'storetime'
            AND (e.storetime IS NULL OR e.storetime > s.intime + INTERVAL 48 HOUR)
            THEN 'not stored by hour 48'
    END AS reason
FROM typed AS e
LEFT JOIN stays AS s
    ON s.subject_id = e.subject_id
    AND s.has_series
    AND (
        s.stay_id = e.stay_id
        OR e.stay_id IS NULL AND hour_of(e.charttime, s.intime) IS NOT NULL
    );
