-- Every pair of the chunk with every stay of its patient; what a patient lacks is null.
WITH now AS MATERIALIZED (FROM chunked WHERE part = $part AND chunk = $chunk)
SELECT
    first_sample + coalesce(stays.number, 1) - 1 AS sample_id,
    'pretrain' AS stage,
    now.subject_id,
    stay_id,
    dicom_id,
    note_id,
    now.split,
    NULL::TINYINT AS in_hospital_mortality,
    NULL::FLOAT AS length_of_stay,
    NULL::TINYINT AS readmission_30d,
    NULL::TINYINT[] AS phenotypes,
    CASE WHEN dicom_id IS NULL THEN 'no readable radiograph of the patient' END AS image_absence,
    CASE WHEN note_id IS NULL THEN 'no note of the patient' END AS text_absence,
    CASE WHEN stay_id IS NULL THEN 'no ICU stay of 48 h' END AS timeseries_absence,
    CASE
        WHEN stay_id IS NULL THEN 'no ICU stay of 48 h'
        WHEN NOT in_tabular THEN 'no demographics of the stay'
    END AS tabular_absence
FROM now
LEFT JOIN (FROM images SEMI JOIN now USING (subject_id)) AS images
    ON images.subject_id = now.subject_id AND images.number = image
LEFT JOIN (FROM notes SEMI JOIN now USING (subject_id)) AS notes
    ON notes.subject_id = now.subject_id AND notes.number = note
LEFT JOIN (FROM stays SEMI JOIN now USING (subject_id)) AS stays
    ON stays.subject_id = now.subject_id
ORDER BY sample_id;
