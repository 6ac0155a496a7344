-- The one pass over a raw table: which rows go on, and why each other row does not.
--
-- A dropped row keeps nothing but its reason, which the caller counts.
--
-- Reads the block events (subject_id, hadm_id, stay_id, itemid, charttime, storetime, value) and
-- the small tables subjects, stays and known_items.
-- Source: timeseries-reference.md 2.2, 2.3, 2.4.1, 2.4.2, in the reference's order.
WITH judged AS (
    SELECT
        e.subject_id,
        -- Without link by admission, the time will tell (placed_own.sql).
        CASE WHEN getvariable('by_admission') THEN s.stay_id END AS stay_id,
        e.itemid,
        e.charttime,
        e.storetime,
        e.value,
        p.bucket,
        CASE
            WHEN p.subject_id IS NULL THEN 'patient not in the cohort'
            WHEN i.itemid IS NULL THEN 'item not mapped'
            WHEN getvariable('by_admission') AND e.hadm_id IS NULL THEN 'no admission given'
            WHEN getvariable('by_admission') AND s.stay_id IS NULL
                THEN 'admission not in the cohort'
            WHEN getvariable('by_admission') AND e.stay_id <> s.stay_id
                THEN 'another stay of the admission'
            WHEN e.value IS NULL THEN 'no value'
            -- What pandas 1.x takes for a missing value; 'None' it does not (Q8).
            WHEN getvariable('nulls') = 'pandas' AND e.value IN (
                '#N/A', '#N/A N/A', '#NA', '-1.#IND', '-1.#QNAN', '-NaN', '-nan', '1.#IND',
                '1.#QNAN', '<NA>', 'N/A', 'NA', 'NULL', 'NaN', 'n/a', 'nan', 'null'
            ) THEN 'no value'
            WHEN NOT i.in_use THEN 'item of no variable'
            WHEN e.charttime IS NULL THEN 'no time given'
            WHEN getvariable('window') = 'own_stay' AND NOT p.has_series
                THEN 'patient without a series'
        END::reason AS reason
    FROM events AS e
    LEFT JOIN subjects AS p ON p.subject_id = e.subject_id
    LEFT JOIN known_items AS i ON i.itemid = e.itemid
    LEFT JOIN stays AS s ON s.hadm_id = e.hadm_id AND s.subject_id = e.subject_id
)
SELECT
    CASE WHEN reason IS NULL THEN bucket END AS bucket,
    reason,
    CASE WHEN reason IS NULL THEN subject_id END AS subject_id,
    CASE WHEN reason IS NULL THEN stay_id END AS stay_id,
    CASE WHEN reason IS NULL THEN itemid END AS itemid,
    -- Times are text so far: only those of kept rows are worth parsing.
    CASE WHEN reason IS NULL THEN CAST(charttime AS TIMESTAMP) END AS charttime,
    CASE WHEN reason IS NULL THEN CAST(storetime AS TIMESTAMP) END AS storetime,
    CASE WHEN reason IS NULL THEN CAST(value AS VARCHAR) END AS value
FROM judged
