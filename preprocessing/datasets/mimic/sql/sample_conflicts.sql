-- What must not be: each line a sentence and how often it is true.
WITH splits AS (
    SELECT subject_id, split FROM cohort
    UNION SELECT subject_id, split FROM timeseries_parts
    UNION SELECT subject_id, split FROM image_parts
    UNION SELECT subject_id, split FROM note_parts
)
SELECT 'patients in two splits' AS conflict, count(*) AS cases
FROM (SELECT subject_id FROM splits GROUP BY subject_id HAVING count(*) > 1)
UNION ALL
SELECT 'time series whose stay, patient and label are not in the cohort', count(*)
FROM timeseries_parts AS series
ANTI JOIN cohort
    ON series.stay_id = cohort.stay_id
    AND series.subject_id = cohort.subject_id
    AND series.label = cohort.in_hospital_mortality
UNION ALL
SELECT 'repeated stay_id of time series', count(*) - count(DISTINCT stay_id) FROM timeseries_parts
UNION ALL
SELECT 'repeated dicom_id of images', count(*) - count(DISTINCT dicom_id) FROM image_parts
UNION ALL
SELECT 'repeated note_id of notes', count(*) - count(DISTINCT note_id) FROM note_parts;
