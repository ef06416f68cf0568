//! Who listens, and the logs of what they do.

use std::path::Path;

use super::Options;
use super::catalogue::{Catalogue, push_length};
use super::truth::{Play, TruthBuilder};
use crate::folder::Error;
use crate::output::OutputFile;
use crate::rng::Rng;
use crate::text::{Day, push_json, push_number};

const FIRST_DAY: Day = Day::of(2018, 11, 1);
const MS_A_DAY: u64 = 86_400_000;
const LISTENERS: u64 = 40;
/// Streams of the seed, behind those of the song files.
const LISTENERS_STREAM: u64 = 1 << 62;
const DAYS_STREAM: u64 = 1 << 61;
/// How many events a session has at most.
const SESSION_EVENTS_MAX: u64 = 40;
/// One session in so many is of nobody who is logged in.
const NOBODY_ONE_IN: u64 = 12;
/// One event in so many of a session is no play.
const OTHER_PAGE_ONE_IN: u64 = 7;
/// One play in so many is of a song in the catalogue.
const KNOWN_ONE_IN: u64 = 8;

const FIRST_NAMES: [&str; 8] = [
    "Aiden", "Chloe", "Jacob", "Kaylee", "Lily", "Ryan", "Stefany", "Zoë",
];
const LAST_NAMES: [&str; 8] = [
    "Bell", "Cuevas", "Frye", "Harrell", "Koch", "Levine", "O'Neil", "Smith",
];
const CITIES: [&str; 6] = [
    "Chicago-Naperville-Elgin, IL-IN-WI",
    "Dallas-Fort Worth-Arlington, TX",
    "Lubbock, TX",
    "New Orleans-Metairie, LA",
    "Phoenix-Mesa-Scottsdale, AZ",
    "San Francisco-Oakland-Hayward, CA",
];
const BROWSERS: [&str; 3] = [
    "\"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_4) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/36.0.1985.143 Safari/537.36\"",
    "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; WOW64; Trident/6.0)",
    "Mozilla/5.0 (X11; Linux x86_64; rv:31.0) Gecko/20100101 Firefox/31.0",
];
/// Pages that are no plays: the page, the method and the status.
const PAGES: [(&str, &str, u64); 5] = [
    ("Home", "GET", 200),
    ("Settings", "GET", 200),
    ("Help", "GET", 200),
    ("Error", "GET", 404),
    ("Logout", "PUT", 307),
];

/// A listener.
struct Listener {
    id: u64,
    first_name: &'static str,
    last_name: &'static str,
    gender: &'static str,
    paid: bool,
    city: &'static str,
    registration: u64,
    browser: &'static str,
}

/// Everyone who listens; levels change from session to session.
pub(crate) struct Listeners {
    all: Vec<Listener>,
}

/// One event before it is written: its moment, what orders events of one moment, and its line.
struct Event {
    ts: u64,
    session: u64,
    item: u64,
    line: Vec<u8>,
    play: Option<Play>,
}

/// What all events of one session share.
struct Session {
    id: u64,
    listener: Option<usize>,
    start: u64,
    events: u64,
}

impl Listeners {
    pub(crate) fn draw(seed: u64) -> Self {
        let mut rng = Rng::new(seed, LISTENERS_STREAM);
        let all = (0..LISTENERS)
            .map(|number| Listener {
                id: 2 + number * 2 + rng.below(2),
                first_name: rng.pick(&FIRST_NAMES),
                last_name: rng.pick(&LAST_NAMES),
                gender: rng.pick(&["F", "M"]),
                paid: rng.one_in(4),
                city: rng.pick(&CITIES),
                registration: 1_540_000_000_000 + rng.below(1_000_000_000),
                browser: rng.pick(&BROWSERS),
            })
            .collect();
        Self { all }
    }

    /// Writes the logs, a file a day.
    pub(crate) fn write(
        mut self,
        folder: &Path,
        options: &Options,
        catalogue: &Catalogue,
        truth: &mut TruthBuilder,
    ) -> Result<(), Error> {
        let mut sessions = 0;
        for number in 0..options.days {
            let day = FIRST_DAY.plus(number as i32);
            let (year, month, date) = day.date();
            let name =
                format!("log_data/{year}/{month:02}/{year}-{month:02}-{date:02}-events.json");
            let mut rng = Rng::new(options.seed, DAYS_STREAM + number);
            let mut events = Vec::new();
            while (events.len() as u64) < options.events_a_day {
                sessions += 1;
                let session = Session {
                    id: sessions,
                    listener: (!rng.one_in(NOBODY_ONE_IN)).then(|| rng.below(LISTENERS) as usize),
                    // Early enough for the session to end on its day.
                    start: day.0 as u64 * MS_A_DAY
                        + rng.below(MS_A_DAY - SESSION_EVENTS_MAX * 400_000),
                    events: 1 + rng.below(SESSION_EVENTS_MAX.min(options.events_a_day)),
                };
                self.play(&mut rng, &session, catalogue, &mut events);
            }
            events.sort_by_key(|event| (event.ts, event.session, event.item));
            let path = folder.join(&name);
            let mut file = OutputFile::create(&path, false).map_err(Error::at(&path))?;
            let mut records = 0;
            for event in events {
                if records > 0 {
                    file.buffer.push(b'\n');
                }
                records += 1;
                file.buffer.extend_from_slice(&event.line);
                truth.event(event.play);
                file.flush_if_full().map_err(Error::at(&path))?;
            }
            let (_, bytes) = file.finish().map_err(Error::at(&path))?;
            truth.log(name, bytes, records);
        }
        Ok(())
    }

    /// The events of one session.
    fn play(
        &mut self,
        rng: &mut Rng,
        session: &Session,
        catalogue: &Catalogue,
        events: &mut Vec<Event>,
    ) {
        let mut ts = session.start;
        if let Some(listener) = session.listener {
            // Who paid may have stopped to, and the other way round.
            self.all[listener].paid ^= rng.one_in(6);
        }
        for item in 0..session.events {
            let listener = session.listener.map(|listener| &self.all[listener]);
            let other = listener.is_none() || rng.one_in(OTHER_PAGE_ONE_IN);
            let song = (!other).then(|| drawn_song(rng, catalogue));
            let page = rng.pick(&PAGES);
            let mut line = Vec::new();
            push_event(
                &mut line,
                listener,
                song.as_ref(),
                page,
                session.id,
                item,
                ts,
            );
            let play = listener.zip(song).map(|(listener, song)| Play {
                id: format!("{}-{item}", session.id),
                user: listener.id,
                paid: listener.paid,
                ts,
                known: song.known,
            });
            events.push(Event {
                ts,
                session: session.id,
                item,
                line,
                play,
            });
            ts += 30_000 + rng.below(370) * 1000;
        }
    }
}

/// A song as a log tells of it.
struct Heard {
    title: String,
    artist: String,
    length: u64,
    known: bool,
}

fn drawn_song(rng: &mut Rng, catalogue: &Catalogue) -> Heard {
    if rng.one_in(KNOWN_ONE_IN)
        && let Some(song) = catalogue.pick(rng)
    {
        return Heard {
            title: song.title.clone(),
            artist: song.artist_name.clone(),
            length: song.length,
            known: true,
        };
    }
    Heard {
        title: format!("Unheard Of, No. {}", rng.below(400)),
        artist: "The Others".to_owned(),
        length: 6_000_000 + rng.below(40_000_000),
        known: false,
    }
}

fn push_event(
    out: &mut Vec<u8>,
    listener: Option<&Listener>,
    song: Option<&Heard>,
    (page, method, status): (&str, &str, u64),
    session: u64,
    item: u64,
    ts: u64,
) {
    let mut separator = b'{';
    let mut value = |name: &str, write: &dyn Fn(&mut Vec<u8>)| {
        out.push(separator);
        push_json(out, name);
        out.push(b':');
        write(out);
        separator = b',';
    };
    let null = |out: &mut Vec<u8>| out.extend_from_slice(b"null");
    let text = |out: &mut Vec<u8>, text: Option<&str>| match text {
        Some(text) => push_slashed(out, text),
        None => null(out),
    };
    value("artist", &|out| {
        text(out, song.map(|song| song.artist.as_str()))
    });
    value("auth", &|out| {
        text(
            out,
            Some(if listener.is_some() {
                "Logged In"
            } else {
                "Logged Out"
            }),
        )
    });
    value("firstName", &|out| {
        text(out, listener.map(|l| l.first_name))
    });
    value("gender", &|out| text(out, listener.map(|l| l.gender)));
    value("itemInSession", &|out| push_number(out, item, 1));
    value("lastName", &|out| text(out, listener.map(|l| l.last_name)));
    value("length", &|out| match song {
        Some(song) => push_length(out, song.length),
        None => null(out),
    });
    let paid = listener.is_some_and(|listener| listener.paid);
    value("level", &|out| {
        text(out, Some(if paid { "paid" } else { "free" }))
    });
    value("location", &|out| text(out, listener.map(|l| l.city)));
    value("method", &|out| {
        text(out, Some(if song.is_some() { "PUT" } else { method }))
    });
    value("page", &|out| {
        text(out, Some(if song.is_some() { "NextSong" } else { page }))
    });
    value("registration", &|out| match listener {
        Some(listener) => {
            push_number(out, listener.registration, 1);
            out.extend_from_slice(b".0");
        }
        None => null(out),
    });
    value("sessionId", &|out| push_number(out, session, 1));
    value("song", &|out| {
        text(out, song.map(|song| song.title.as_str()))
    });
    value("status", &|out| {
        push_number(out, if song.is_some() { 200 } else { status }, 1)
    });
    value("ts", &|out| push_number(out, ts, 1));
    value("userAgent", &|out| text(out, listener.map(|l| l.browser)));
    let id = listener.map(|listener| listener.id.to_string());
    value("userId", &|out| {
        text(out, Some(id.as_deref().unwrap_or_default()))
    });
    out.push(b'}');
}

/// A JSON string whose slashes are escaped, as the service's own writer does.
fn push_slashed(out: &mut Vec<u8>, text: &str) {
    let start = out.len();
    push_json(out, text);
    let slashes: Vec<usize> = (start..out.len()).filter(|&at| out[at] == b'/').collect();
    for at in slashes.into_iter().rev() {
        out.insert(at, b'\\');
    }
}
