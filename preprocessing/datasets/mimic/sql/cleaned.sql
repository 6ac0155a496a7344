-- Text to number, unit by unit: the rows of one bucket with variable, number and text.
--
-- number: the value in the variable's unit; the score of a category.
-- text:   the category, or what the reference compares as text; null for all else.
-- reason: why the row is dropped; null if it is kept.
--
-- Reads placed, and the tables items, rules and categories.
-- Source: timeseries-reference.md 2.4.4; each switch is explained in switches.py.
CREATE OR REPLACE TEMP TABLE cleaned AS
WITH read AS (
    SELECT
        e.* EXCLUDE (reason),
        i.unit,
        i.preference,
        r.variable_place AS variable,
        r.rule,
        r.low,
        r.high,
        c.score,
        c.category,
        CASE
            -- '120/80' is charted under either pressure.
            WHEN r.rule IN ('systolic', 'diastolic') AND regexp_full_match(e.value, '\d+/\d+')
                THEN TRY_CAST(split_part(e.value, '/', if(r.rule = 'systolic', 1, 2)) AS DOUBLE)
            WHEN getvariable('numbers') = 'digits' AND r.rule IN ('decimal', 'saturation')
                AND NOT e.is_number
                AND NOT regexp_full_match(e.value, '\d+(\.\d*)?|\.\d+')
                THEN NULL
            WHEN r.rule <> 'category' THEN TRY_CAST(e.value AS DOUBLE)
        END AS x
    FROM placed AS e
    JOIN items AS i ON i.itemid = e.itemid
    JOIN rules AS r ON r.variable = i.variable
    LEFT JOIN categories AS c ON c.variable = i.variable AND c.text = e.value
    WHERE e.reason IS NULL
), converted AS (
    SELECT
        *,
        CASE rule
            WHEN 'category' THEN score
            WHEN 'fraction' THEN
                CASE WHEN getvariable('fio2') = 'always_percent' OR x > 1 THEN x / 100 ELSE x END
            WHEN 'saturation' THEN
                CASE WHEN getvariable('saturation') = 'guess' AND x <= 1 THEN x * 100 ELSE x END
            WHEN 'temperature' THEN
                CASE
                    WHEN getvariable('temperature') = 'guess' AND x >= 79 THEN (x - 32) * 5e0 / 9e0
                    WHEN getvariable('temperature') = 'item' AND unit = 'F'
                        THEN (x - 32) * 5e0 / 9e0
                    ELSE x
                END
            WHEN 'height' THEN
                CASE WHEN getvariable('height') = 'item' AND unit = 'in' THEN x * 2.54e0 ELSE x END
            -- The pound of the reference. Ounces have an item in CareVue only and stay ounces.
            WHEN 'weight' THEN CASE WHEN unit = 'lb' THEN x * 0.453592e0 ELSE x END
            ELSE x
        END AS number
    FROM read
)
SELECT
    source,
    owner,
    stay_id,
    charttime,
    variable,
    preference,
    number,
    CASE
        WHEN rule = 'category' THEN category
        WHEN rule = 'text' AND getvariable('duplicates') = 'text_maximum' AND NOT is_number
            THEN value
    END AS text,
    CASE
        -- The reference stops at these texts, some silently (Q7), some not (Q11).
        WHEN rule = 'category' AND category IS NULL THEN 'unknown category'
        WHEN number IS NULL OR isnan(number) THEN 'not a number'
        WHEN isinf(number) AND getvariable('numbers') = 'any' THEN 'not a number'
        WHEN getvariable('valid_ranges') = 'physiologic' AND number NOT BETWEEN low AND high
            THEN 'outside of the valid range'
    END AS reason
FROM converted;
