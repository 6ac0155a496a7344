-- Outer join by patient: every image with every note with every stay; what a patient lacks is
-- null. `chunks` says which images are to be joined now.
SELECT
    first_sample
        + (coalesce(notes.number, 1) - 1) * paired.stays
        + coalesce(stays.number, 1) - 1 AS sample_id,
    'pretrain' AS stage,
    subject_id,
    stay_id,
    dicom_id,
    note_id,
    paired.split,
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
FROM paired
LEFT JOIN notes USING (subject_id)
LEFT JOIN stays USING (subject_id)
WHERE first_sample IN (SELECT first_sample FROM chunks WHERE part = $part AND chunk = $chunk)
ORDER BY sample_id;
