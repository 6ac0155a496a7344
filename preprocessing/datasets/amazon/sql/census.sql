-- Counts over the well-formed lines, for the ledger.
WITH good AS (
    SELECT
        *,
        list_position(
            ['one', 'two', 'three', 'four', 'five'],
            regexp_extract(lower(summary), '^(one|two|three|four|five) stars?$', 1)
        ) AS stars_said
    FROM lines
    WHERE malformed IS NULL
)
SELECT
    count(*),
    count(DISTINCT content),
    count(*) FILTER (unix_time IS NULL),
    count(*) FILTER (summary IS NULL),
    count(*) FILTER (review IS NULL),
    count(*) FILTER (stars_said > 0),
    count(*) FILTER (stars_said = stars)
FROM good
