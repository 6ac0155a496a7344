-- The last radiology report that was written and readable between admission and horizon; of
-- this admission, or of none: an outpatient or emergency report has no hadm_id.
CREATE TEMP TABLE note_of_stay AS
SELECT stay_id, note_id
FROM stays
JOIN notes USING (subject_id)
WHERE (notes.hadm_id = stays.hadm_id OR notes.hadm_id IS NULL)
    AND charttime BETWEEN admittime AND horizon
    AND readable_from BETWEEN admittime AND horizon
QUALIFY row_number() OVER (
    PARTITION BY stay_id ORDER BY charttime DESC, sequence DESC NULLS LAST, note_id DESC
) = 1;
