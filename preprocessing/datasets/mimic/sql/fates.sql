-- What became of the rows of one bucket, for the ledger: place, step, fate, rows.
-- place: the raw table, or what else is counted; fate: why rows were dropped; of step 0: all rows.
SELECT source AS place, 0 AS step, 'all' AS fate, count(*) AS rows FROM placed GROUP BY ALL
UNION ALL
SELECT source, 1, reason, count(*) FROM placed WHERE reason IS NOT NULL GROUP BY ALL
UNION ALL
SELECT c.source, 2, r.variable || ': ' || c.reason, count(*)
FROM cleaned AS c
JOIN rules AS r ON r.variable_place = c.variable
WHERE c.reason IS NOT NULL
GROUP BY ALL
UNION ALL
SELECT source, 3, 'another value of that time kept', sum(rows)
FROM (
    SELECT source, count(*) AS rows FROM cleaned WHERE reason IS NULL GROUP BY ALL
    UNION ALL
    SELECT source, -count(*) FROM single GROUP BY ALL
)
GROUP BY ALL
UNION ALL
-- A row of a stay is a time at which something of it was charted.
SELECT 'rows of stays', 0, 'all', count(*) FROM times
UNION ALL
SELECT
    'rows of stays',
    if(t.charttime < s.intime, 1, 2),
    CASE WHEN t.charttime < s.intime THEN 'before hour 0' ELSE 'after hour 48' END,
    count(*)
FROM times AS t
JOIN stays AS s ON s.stay_id = t.stay_id
WHERE t.hour IS NULL
GROUP BY ALL
UNION ALL
SELECT r.variable, 0, 'all', count(*)
FROM cleaned AS c
JOIN rules AS r ON r.variable_place = c.variable
GROUP BY ALL;
