-- Rows of the outer join by patient, counted without making them: every pair of an image
-- and a note that is made with every stay that has a series; `weight` is the rows of a patient
-- with one of the stays.
WITH image_counts AS (
    SELECT subject_id, count(*) AS images FROM image_parts GROUP BY subject_id
),
note_counts AS (
    SELECT subject_id, count(*) AS notes FROM note_parts GROUP BY subject_id
),
series AS (
    SELECT subject_id, careunit, outcome, has_tabular, true AS has_timeseries
    FROM stays
    WHERE has_timeseries
)
SELECT
    split,
    period,
    coalesce(careunit, 'no ICU stay with a series') AS careunit,
    outcome,
    images IS NOT NULL AS has_image,
    notes IS NOT NULL AS has_text,
    coalesce(has_timeseries, false) AS has_timeseries,
    coalesce(has_tabular, false) AS has_tabular,
    sum(pairs_made(coalesce(images, 1), coalesce(notes, 1)))::BIGINT AS weight
FROM patients
LEFT JOIN image_counts USING (subject_id)
LEFT JOIN note_counts USING (subject_id)
LEFT JOIN series USING (subject_id)
WHERE images IS NOT NULL OR notes IS NOT NULL OR has_timeseries
GROUP BY ALL;
