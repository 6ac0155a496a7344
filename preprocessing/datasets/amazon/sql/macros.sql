-- What a raw value is: it is compact JSON text, so its first character tells the type, and is read
-- instead of parsing it. An absent key, a null and an empty text are of every type; pandas writes
-- the latter for what is absent.

CREATE OR REPLACE TEMP MACRO is_absent(value) AS value IS NULL OR value = '""';
CREATE OR REPLACE TEMP MACRO is_string(value) AS value IS NULL OR starts_with(value, '"');
CREATE OR REPLACE TEMP MACRO is_list(value) AS starts_with(value, '[') OR is_absent(value);
CREATE OR REPLACE TEMP MACRO is_listed(value) AS starts_with(value, '"') OR is_list(value);
CREATE OR REPLACE TEMP MACRO is_object(value) AS starts_with(value, '{') OR is_absent(value);
CREATE OR REPLACE TEMP MACRO is_truth(value) AS value IN ('true', 'false') OR is_absent(value);
CREATE OR REPLACE TEMP MACRO is_number(value) AS
    isfinite(try_cast(value AS DOUBLE)) OR is_absent(value);

-- Why a value does not fit, or null.
CREATE OR REPLACE TEMP MACRO misfit(key, value, fits, allowed) AS
    CASE
        WHEN NOT coalesce(fits, false) THEN concat(key, ' is ', CASE
            WHEN starts_with(value, '"') THEN 'text'
            WHEN starts_with(value, '[') THEN 'a list'
            WHEN starts_with(value, '{') THEN 'an object'
            WHEN value IN ('true', 'false') THEN 'true or false'
            WHEN isfinite(try_cast(value AS DOUBLE)) THEN 'a number'
            ELSE 'infinite'
        END, '; allowed: ', allowed)
    END;

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
