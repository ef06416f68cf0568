-- One row a song. A song that stands in several files counts once, as in the first of them.
SELECT song_id, title, duration, year, artist_id
FROM (
    SELECT
        song_id,
        title,
        duration,
        -- 0 is how the files say that the year is not known.
        nullif(year, 0) AS year,
        artist_id,
        row_number() OVER (PARTITION BY song_id ORDER BY _hw_file, _hw_offset) AS place
    FROM song_files
)
WHERE place = 1
