-- One row an artist. Files of one artist differ in spelling and place: the latest song's is taken, and of one year the
-- first by the song's identity.
SELECT artist_id, name, location, latitude, longitude
FROM (
    SELECT
        artist_id,
        artist_name AS name,
        nullif(artist_location, '') AS location,
        artist_latitude AS latitude,
        artist_longitude AS longitude,
        row_number() OVER (PARTITION BY artist_id ORDER BY year DESC, song_id, _hw_file) AS place
    FROM song_files
)
WHERE place = 1
