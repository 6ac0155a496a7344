-- The discharge note of the same admission: the last summary, an addendum (AD) only without one.
CREATE TEMP TABLE note_of_stay AS
SELECT stay_id, note_id
FROM stays
JOIN notes USING (subject_id, hadm_id)
QUALIFY row_number() OVER (
    PARTITION BY stay_id ORDER BY type = 'AD', sequence DESC NULLS LAST, note_id DESC
) = 1;
