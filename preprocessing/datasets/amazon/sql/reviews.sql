-- The lines of a review dump: typed values, or the reason why the line is malformed.
-- $dump is read_json(...) with every column as JSON.
CREATE OR REPLACE TEMP TABLE lines AS
WITH raw AS (
    SELECT
        *,
        text_of(asin) AS product,
        text_of(reviewerID) AS reviewer,
        try_cast(overall AS DOUBLE) AS stars,
        replace(vote ->> '$', ',', '') AS votes_written,
        coalesce(
            try_cast(unixReviewTime AS BIGINT),
            -- Upstream pads the month, not the day: "09 1, 2016".
            epoch(try_strptime(reviewTime ->> '$', '%m %d, %Y'))::BIGINT
        ) AS time,
        -- The letter tells which key is absent. A JSON string holds no raw control character,
        -- so fields cannot run together.
        md5_number(concat_ws(e'\x1f',
            'a' || asin, 'r' || reviewerID, 'o' || overall, 'd' || verified,
            'u' || unixReviewTime, 't' || reviewTime, 'v' || vote, 's' || summary,
            'w' || reviewText, 'i' || image, 'y' || style, 'n' || reviewerName
        )) AS content
    FROM $dump
)
SELECT
    CASE
        WHEN coalesce(asin, reviewerID, overall, reviewText, unixReviewTime) IS NULL
            THEN 'not a JSON object, or cut off'
        WHEN NOT coalesce(
            is_string(asin) AND is_string(reviewerID) AND is_number(overall)
            AND is_truth(verified) AND (is_string(vote) OR is_number(vote))
            AND is_number(unixReviewTime) AND is_string(reviewTime)
            AND is_string(summary) AND is_string(reviewText)
            AND is_list(image) AND is_object(style) AND is_string(reviewerName), false
        ) THEN 'a value of another type than the layout has'
        WHEN product IS NULL OR reviewer IS NULL OR overall IS NULL
            THEN 'asin, reviewerID or overall is missing'
        WHEN NOT coalesce(stars IN (1, 2, 3, 4, 5), false)
            THEN 'overall is not a rating of 1 to 5'
        WHEN NOT coalesce(regexp_full_match(votes_written, '\d{1,9}'), true)
            THEN 'vote is not a number'
        -- 2100-01-01; the dumps span 1996 to 2018.
        WHEN NOT coalesce(time BETWEEN 0 AND 4102444800, true)
            THEN 'unixReviewTime is not a time'
    END AS malformed,
    product AS asin,
    reviewer AS reviewer_id,
    try_cast(stars AS TINYINT) AS stars,
    try_cast(verified AS BOOLEAN) AS verified,
    time AS unix_time,
    try_cast(votes_written AS INTEGER) AS votes,
    text_of(summary) AS summary,
    text_of(reviewText) AS review,
    CASE WHEN image IS NULL THEN NULL ELSE list_of(image) END AS pictures,
    content,
    -- The same words of the same reviewer on the same day are one review, whatever the product;
    -- without words, reviews of two products are two reviews.
    md5_number(concat_ws(e'\x1f',
        reviewerID, coalesce(time, -1), coalesce(text_of(reviewText), concat(asin, summary))
    )) AS review_key
FROM raw;
