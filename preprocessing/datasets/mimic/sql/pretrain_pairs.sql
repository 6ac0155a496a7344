-- Which image of a patient goes with which note, of patients outside of the test split. The pairs
-- are made in rounds, in each of which every image and every note is used at least once, and
-- `pairs_made` says when they end. Images and notes take turns in the order of a hash of their
-- names.
CREATE TEMP TABLE image_turns AS
SELECT
    subject_id,
    split,
    number,
    row_number() OVER (PARTITION BY subject_id ORDER BY md5(dicom_id), dicom_id) - 1 AS image_turn
FROM images
WHERE split <> 'test';

CREATE TEMP TABLE note_turns AS
SELECT
    subject_id,
    split,
    number,
    row_number() OVER (PARTITION BY subject_id ORDER BY md5(note_id), note_id) - 1 AS note_turn
FROM notes
WHERE split <> 'test';

-- How many of each a patient has; the lack of a kind counts as one.
CREATE TEMP TABLE patient_counts AS
SELECT
    subject_id,
    any_value(split) AS split,
    greatest(count(*) FILTER (kind = 'image'), 1) AS images,
    greatest(count(*) FILTER (kind = 'note'), 1) AS notes,
    greatest(count(*) FILTER (kind = 'stay'), 1) AS stays,
    -- Samples are numbered among all that could be made, whatever the rounds, shards and threads.
    sum(images * notes * stays) OVER (ORDER BY subject_id)::BIGINT - images * notes * stays
        AS first_sample
FROM (
    SELECT subject_id, split, 'image' AS kind FROM image_turns
    UNION ALL SELECT subject_id, split, 'note' FROM note_turns
    UNION ALL SELECT subject_id, split, 'stay' FROM stays WHERE split <> 'test'
)
GROUP BY subject_id;

-- Numbers of image and note, 0 for the lack of them.
CREATE TEMP TABLE pairs AS
WITH dealt AS (
    SELECT
        * EXCLUDE (images),
        unnest(range(pairs_made(images, notes))) AS turn,
        turn % images AS image_turn,
        -- Where the same image and note would meet again, notes move on by one.
        (turn + turn // lcm(images, notes)) % notes AS note_turn
    FROM patient_counts
)
SELECT
    subject_id,
    dealt.split,
    coalesce(image_turns.number, 0) AS image,
    coalesce(note_turns.number, 0) AS note,
    stays,
    first_sample + ((greatest(image, 1) - 1) * notes + greatest(note, 1) - 1) * stays
        AS first_sample
FROM dealt
LEFT JOIN image_turns USING (subject_id, image_turn)
LEFT JOIN note_turns USING (subject_id, note_turn);
