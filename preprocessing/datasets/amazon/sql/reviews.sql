-- The lines of a review dump: typed values, or the reason why the line is malformed.
-- $dump has every key as a column of JSON text.
CREATE OR REPLACE TEMP TABLE lines AS
WITH raw AS (
    SELECT
        *,
        text_of(asin) AS product,
        text_of(reviewerID) AS reviewer,
        try_cast(overall AS DOUBLE) AS stars,
        -- "1,341" upstream, 3.0 where pandas wrote the dump.
        regexp_extract(
            nullif(vote, '""'), '^"?(\d{1,9}|\d{1,3}(?:,\d{3}){1,2})(?:\.0+)?"?$', 1
        ) AS votes_written,
        try_cast(unixReviewTime AS DOUBLE) AS seconds,
        coalesce(
            seconds::BIGINT,
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
    coalesce(
        CASE
            WHEN coalesce(asin, reviewerID, overall, reviewText, unixReviewTime) IS NULL
                THEN $unreadable
        END,
        misfit('asin', asin, is_string(asin), 'text'),
        misfit('reviewerID', reviewerID, is_string(reviewerID), 'text'),
        misfit('overall', overall, is_number(overall), 'a number'),
        misfit('verified', verified, is_truth(verified), 'true or false'),
        misfit('vote', vote, is_string(vote) OR is_number(vote), 'text or a number'),
        misfit('unixReviewTime', unixReviewTime, is_number(unixReviewTime), 'a number'),
        misfit('reviewTime', reviewTime, is_string(reviewTime), 'text'),
        misfit('summary', summary, is_string(summary), 'text'),
        misfit('reviewText', reviewText, is_string(reviewText), 'text'),
        misfit('image', image, is_list(image), 'a list'),
        misfit('style', style, is_object(style), 'an object'),
        misfit('reviewerName', reviewerName, is_string(reviewerName), 'text'),
        CASE
            WHEN product IS NULL THEN 'asin is missing'
            WHEN reviewer IS NULL THEN 'reviewerID is missing'
            WHEN is_absent(overall) THEN 'overall is missing'
            WHEN NOT coalesce(stars IN (1, 2, 3, 4, 5), false)
                THEN 'overall is not a rating of 1 to 5'
            WHEN votes_written = '' THEN 'vote is not a whole number'
            -- 2100-01-01; the dumps span 1996 to 2018.
            WHEN NOT coalesce(time BETWEEN 0 AND 4102444800 AND seconds = floor(seconds), true)
                THEN 'unixReviewTime is not a time in whole seconds'
        END
    ) AS malformed,
    product AS asin,
    reviewer AS reviewer_id,
    try_cast(stars AS TINYINT) AS stars,
    try_cast(verified AS BOOLEAN) AS verified,
    time AS unix_time,
    try_cast(replace(votes_written, ',', '') AS INTEGER) AS votes,
    text_of(summary) AS summary,
    text_of(reviewText) AS review,
    CASE WHEN NOT is_absent(image) THEN list_of(image) END AS pictures,
    content,
    -- The same words of the same reviewer on the same day are one review, whatever the product;
    -- without words, reviews of two products are two reviews.
    md5_number(concat_ws(e'\x1f',
        reviewerID, coalesce(time, -1), coalesce(text_of(reviewText), concat(asin, summary))
    )) AS review_key
FROM raw;
