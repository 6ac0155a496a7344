-- The last value of each hour: one row per stay, hour and variable that was observed.
-- column: its place among the 59; value: the number, or 1 for a category.
WITH last AS (
    SELECT
        t.stay_id,
        t.hour,
        s.variable,
        max_by(s.number, s.charttime) AS number,
        max_by(s.text, s.charttime) AS text
    FROM single AS s
    JOIN times AS t ON t.owner = s.owner AND t.charttime = s.charttime
    WHERE t.hour IS NOT NULL
    GROUP BY t.stay_id, t.hour, s.variable
)
SELECT
    l.stay_id,
    CAST(l.hour AS UTINYINT) AS hour,
    l.variable,
    c.place AS "column",
    CASE WHEN c.category = '' THEN l.number ELSE 1 END AS value
FROM last AS l
JOIN rules AS r ON r.variable_place = l.variable
JOIN columns AS c
    ON c.variable = r.variable AND c.category = CASE r.rule WHEN 'category' THEN l.text ELSE '' END;
