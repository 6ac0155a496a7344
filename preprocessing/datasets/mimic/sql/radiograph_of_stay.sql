-- The last AP radiograph between the start of the stay and its horizon.
CREATE TEMP TABLE image_of_stay AS
SELECT stay_id, dicom_id
FROM stays
JOIN images USING (subject_id)
WHERE view = 'AP' AND study_time BETWEEN intime AND horizon
QUALIFY row_number() OVER (PARTITION BY stay_id ORDER BY study_time DESC, dicom_id DESC) = 1;
