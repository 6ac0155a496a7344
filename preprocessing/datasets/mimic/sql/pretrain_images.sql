-- One row per image of each patient outside of the test split, or one without an image, and
-- with how many samples it is in: one for each note and stay of the patient, or for the lack.
CREATE TEMP TABLE paired AS
WITH note_counts AS (
    SELECT subject_id, any_value(split) AS split, count(*) AS notes
    FROM notes
    GROUP BY subject_id
),
stay_counts AS (
    SELECT subject_id, any_value(split) AS split, count(*) AS stays
    FROM stays
    GROUP BY subject_id
)
SELECT
    subject_id,
    coalesce(images.split, note_counts.split, stay_counts.split) AS split,
    dicom_id,
    coalesce(stays, 1) AS stays,
    coalesce(notes, 1) * coalesce(stays, 1) AS samples,
    -- The running number of its first sample, the same whatever the shards and threads.
    sum(samples) OVER (ORDER BY subject_id, images.number)::BIGINT - samples AS first_sample
FROM images
FULL JOIN note_counts USING (subject_id)
FULL JOIN stay_counts USING (subject_id)
WHERE coalesce(images.split, note_counts.split, stay_counts.split) <> 'test';
