-- Listeners whose level is not that of their last play: there must be none.
SELECT u.user_id
FROM users u
JOIN (
    SELECT user_id, level, row_number() OVER (PARTITION BY user_id ORDER BY start_time DESC, songplay_id DESC) AS place
    FROM songplays
) last ON last.user_id = u.user_id AND last.place = 1
WHERE last.level <> u.level
