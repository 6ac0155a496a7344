-- One value per owner, time and variable: that of the preferred item; of several values of one
-- item the middle one, of two the lower, so that a value stays one that somebody charted.
CREATE OR REPLACE TEMP TABLE single AS
WITH sorted AS (
    SELECT
        owner,
        charttime,
        variable,
        list_sort(list({'preference': preference, 'number': number, 'text': text, 'source': source}))
            AS candidates
    FROM cleaned
    WHERE reason IS NULL
    GROUP BY owner, charttime, variable
), chosen AS (
    SELECT
        * EXCLUDE (candidates),
        len(list_filter(candidates, lambda c: c.preference = candidates[1].preference)) AS ties,
        candidates[(ties + 1) // 2] AS c
    FROM sorted
)
SELECT owner, charttime, variable, c.source, c.number, c.text FROM chosen;
