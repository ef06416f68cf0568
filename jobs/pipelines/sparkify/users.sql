-- One row a listener, with the level of the last play: who paid once and pays no more is free.
SELECT user_id, first_name, last_name, gender, level
FROM (
    SELECT
        userId AS user_id,
        firstName AS first_name,
        lastName AS last_name,
        gender,
        level,
        row_number() OVER (
            PARTITION BY userId ORDER BY ts DESC, concat(sessionId, '-', itemInSession) DESC
        ) AS place
    FROM log_events
    WHERE page = 'NextSong'
)
WHERE place = 1
