-- The rows of one bucket as the reference reads them: see series/inference.py.
--
-- is_number: whether pandas makes a float of the value.
-- value: of a text that an earlier reading took for a number, that number.
--
-- Reads the view bucket_events and the table numeric_chunks.
CREATE OR REPLACE TEMP VIEW typed AS
SELECT
    e.* REPLACE (
        CASE
            WHEN w.chunk IS NOT NULL AND v.chunk IS NULL
                THEN CAST(TRY_CAST(e.value AS DOUBLE) AS VARCHAR)
            ELSE e.value
        END AS value
    ),
    v.chunk IS NOT NULL AS is_number
FROM bucket_events AS e
LEFT JOIN numeric_chunks AS w
    ON w.reading = 'written' AND w.subject_id = e.subject_id AND w.chunk = e.written_chunk
LEFT JOIN numeric_chunks AS v
    ON v.reading = 'validated' AND v.subject_id = e.subject_id AND v.chunk = e.validated_chunk;
