-- What a raw value is: it is compact JSON text, so its first character tells the type, and is read
-- instead of parsing it. An absent key and a null are both NULL, and are of every type.

CREATE OR REPLACE TEMP MACRO is_string(value) AS value IS NULL OR starts_with(value, '"');
CREATE OR REPLACE TEMP MACRO is_list(value) AS value IS NULL OR starts_with(value, '[');
CREATE OR REPLACE TEMP MACRO is_object(value) AS value IS NULL OR starts_with(value, '{');
CREATE OR REPLACE TEMP MACRO is_truth(value) AS value IS NULL OR value IN ('true', 'false');
CREATE OR REPLACE TEMP MACRO is_number(value) AS
    value IS NULL OR (NOT starts_with(value, '"') AND isfinite(try_cast(value AS DOUBLE)));

CREATE OR REPLACE TEMP MACRO text_of(value) AS
    CASE WHEN starts_with(value, '"') THEN nullif(value ->> '$', '') END;

-- A list that is a string counts as a list of one.
CREATE OR REPLACE TEMP MACRO list_of(value) AS
    CASE
        WHEN starts_with(value, '[') THEN list_filter(value ->> '$[*]', lambda item: item IS NOT NULL)
        WHEN starts_with(value, '"') THEN [value ->> '$']
        ELSE []
    END;

-- Markup is dropped, with what stands inside of scripts and style sheets.
CREATE OR REPLACE TEMP MACRO without_markup(value) AS
    nullif(trim(regexp_replace(replace(replace(regexp_replace(
        value,
        '(?is)<(style|script)\b.*?</(style|script)\s*>|<[^>]*>', ' ', 'g'),
        '&amp;', '&'), '&nbsp;', ' '),
        '\s+', ' ', 'g')), '');
