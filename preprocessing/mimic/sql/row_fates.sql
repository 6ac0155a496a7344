-- Rows of the stays that have a series, a row being a time at which something was charted.
SELECT
    CASE
        WHEN t.hour IS NOT NULL THEN 'kept'
        WHEN t.charttime < s.intime THEN 'before hour 0'
        ELSE 'after hour 48'
    END AS fate,
    count(*)
FROM times AS t
JOIN stays AS s ON s.stay_id = t.stay_id
GROUP BY ALL;
