-- One sample per stay of at least 48 h, all modalities of the same stay.
SELECT
    stay_id::BIGINT AS sample_id,
    'finetune' AS stage,
    subject_id,
    stay_id,
    dicom_id,
    note_id,
    split,
    in_hospital_mortality,
    length_of_stay,
    readmission_30d,
    phenotypes,
    CASE
        WHEN dicom_id IS NOT NULL THEN NULL
        WHEN subject_id NOT IN (SELECT subject_id FROM images)
            THEN 'no readable radiograph of the patient'
        ELSE 'no AP radiograph in the first 48 h'
    END AS image_absence,
    CASE
        WHEN note_id IS NOT NULL THEN NULL
        WHEN subject_id NOT IN (SELECT subject_id FROM notes) THEN 'no note of the patient'
        ELSE $no_note
    END AS text_absence,
    NULL::VARCHAR AS timeseries_absence,
    CASE WHEN NOT in_tabular THEN 'no demographics of the stay' END AS tabular_absence
FROM stays
LEFT JOIN image_of_stay USING (stay_id)
LEFT JOIN note_of_stay USING (stay_id)
ORDER BY subject_id, stay_id;
