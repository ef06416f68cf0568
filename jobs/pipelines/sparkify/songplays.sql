-- One row a play. The song is known where a song file has the very title, artist and length; else it is NULL.
WITH plays AS (
    SELECT
        concat(sessionId, '-', itemInSession) AS songplay_id,
        to_timestamp_micros(ts * 1000) AS start_time,
        userId AS user_id,
        level,
        song,
        artist,
        length,
        sessionId AS session_id,
        location,
        userAgent AS user_agent
    FROM log_events
    WHERE page = 'NextSong'
),

-- The same recording may stand in several song files; a play must not become several rows by that.
recordings AS (
    SELECT title, artist_name, duration, song_id, artist_id
    FROM (
        SELECT
            *,
            row_number() OVER (PARTITION BY title, artist_name, duration ORDER BY song_id, _hw_file) AS place
        FROM song_files
    )
    WHERE place = 1
)

SELECT
    p.songplay_id,
    p.start_time,
    p.user_id,
    p.level,
    r.song_id,
    r.artist_id,
    p.session_id,
    p.location,
    p.user_agent,
    CAST(date_part('year', p.start_time) AS INT) AS year,
    CAST(date_part('month', p.start_time) AS INT) AS month
FROM plays p
LEFT JOIN recordings r ON r.title = p.song AND r.artist_name = p.artist AND r.duration = p.length
