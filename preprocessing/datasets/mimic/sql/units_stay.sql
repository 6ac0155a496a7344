-- ICU stays of the cohort with what the samples of fine-tuning would give them.
SELECT
    split,
    period,
    careunit,
    los_hours >= 48 AS is_long,
    outcome,
    dicom_id IS NOT NULL AS has_image,
    note_id IS NOT NULL AS has_text,
    has_timeseries,
    has_tabular
FROM stays
LEFT JOIN patients USING (subject_id, split)
LEFT JOIN image_of_stay USING (stay_id)
LEFT JOIN note_of_stay USING (stay_id);
