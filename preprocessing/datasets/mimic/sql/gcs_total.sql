-- The total of the coma scale, where its three parts were charted at one time.
-- An intubated verbal score is 0 in categories.tsv.
INSERT INTO single
WITH parts AS (
    SELECT
        s.owner,
        s.charttime,
        max(s.source) AS source,
        max(s.number) FILTER (r.variable LIKE '% eye opening') AS eye,
        max(s.number) FILTER (r.variable LIKE '% motor response') AS motor,
        max(s.number) FILTER (r.variable LIKE '% verbal response') AS verbal
    FROM single AS s
    JOIN rules AS r ON r.variable_place = s.variable
    WHERE r.variable LIKE 'Glascow coma scale%'
    GROUP BY s.owner, s.charttime
), scored AS (
    SELECT
        *,
        CASE
            WHEN verbal > 0 OR getvariable('gcs_intubated') = 'one'
                THEN eye + motor + greatest(verbal, 1)
            WHEN getvariable('gcs_intubated') = 'normal' THEN 15
        END AS total
    FROM parts
)
SELECT s.owner, s.charttime, r.variable_place, s.source, s.total, CAST(CAST(s.total AS INTEGER) AS VARCHAR)
FROM scored AS s
JOIN rules AS r ON r.variable = 'Glascow coma scale total'
WHERE s.eye + s.motor + s.verbal IS NOT NULL AND s.total IS NOT NULL;
