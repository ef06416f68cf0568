//! Time grows with a file's length, whatever stands in it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cutting::options;
use super::real::long;
use super::targets::WORDS;
use crate::xml::{FedState, Split, XmlConfig, XmlReader};

/// How long it takes to read the bytes as a scan does, in chunks.
fn time(config: &Arc<XmlConfig>, bytes: &[u8]) -> Duration {
    const CHUNK_BYTES: usize = 64 << 10;
    let started = Instant::now();
    let mut reader = XmlReader::new(config.clone(), Split::whole());
    let mut length = CHUNK_BYTES;
    loop {
        let from = reader.position() as usize;
        let to = (from + length).min(bytes.len());
        let Ok(fed) = reader.feed(&bytes[from..to], to == bytes.len()) else {
            return started.elapsed(); // It looks like another encoding.
        };
        match fed.state {
            FedState::NeedInput { at_least } => length = at_least.max(CHUNK_BYTES),
            FedState::Done => return started.elapsed(),
            FedState::BatchReady => {
                reader.take_batch().unwrap();
                reader.take_bad();
            }
        }
    }
}

/// Length of the documents, and how long one of them may take. What grows with the square takes ten times that, and
/// what does not a hundredth.
const DOCUMENT_BYTES: usize = 200_000;
const TIME_MAX: Duration = Duration::from_millis(1000);

fn document(start: &[u8], words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = [b" ", start].concat();
    while bytes.len() < DOCUMENT_BYTES {
        for word in words {
            bytes.extend_from_slice(word);
        }
    }
    bytes
}

fn check(start: &[u8], words: &[&[u8]]) {
    let schema = Arc::new(crate::schema_file::read("fields: {a: text}").unwrap());
    let config = XmlConfig::new(options(&["r"], 0), schema.clone(), schema).unwrap();
    let (config, bytes) = (Arc::new(config), document(start, words));
    let best = (0..3)
        .map(|_| time(&config, &bytes))
        .find(|time| *time < TIME_MAX);
    let shown = || bytes[..bytes.len().min(100)].escape_ascii();
    assert!(
        best.is_some(),
        "more than {TIME_MAX:?} for {DOCUMENT_BYTES} bytes of {}",
        shown()
    );
}

/// Each took seconds, for one of these was looked for again and again: a record's end tag, a terminator, the end of a
/// document type; or one tag's attributes were remembered for each of them.
#[test]
fn what_has_no_end_is_looked_for_once() {
    let cases: &[(&[u8], &[&[u8]])] = &[
        (b"", &[b"<r>"]),
        (b"", &[b"<r><a>1</a>\n"]),
        (b"", &[b"<r><n:r>"]),
        (b"", &[b"<r", b" "]),
        (b"", &[b"<r><!-- </r>"]),
        (b"<r>&x;", &[b"<!--"]),
        (b"<r>&x;", &[b"<![CDATA[", b"<?p "]),
        (b"", &[b"<r>&x;<?</r>"]),
        (b"", &[b"<!DOCTYPE x"]),
        (b"<r>&x;", &[b"<!DOCTYPE x ["]),
        (b"<r", &[b" x='1'"]),
    ];
    for (start, words) in cases {
        check(start, words);
    }
    let mut tag = b"<r".to_vec();
    for i in 0..20_000 {
        tag.extend(format!(" a{i}=''").into_bytes());
    }
    tag.extend(b"/>");
    check(&tag, &[&tag]);
}

#[test]
fn any_words_repeated_are_read_in_linear_time() {
    const STARTS: [&[u8]; 7] = [
        b"",
        b"<r>",
        b"<r",
        b"<x y='",
        b"<!DOCTYPE x [",
        b"<r><b>",
        b"<r>&x;",
    ];
    const SECONDS: [&[u8]; 7] = [b"", b"<r>", b"</r>", b"<b>", b"='", b"\"", b" "];
    let mut random = fastrand::Rng::with_seed(5);
    for start in STARTS {
        for first in WORDS {
            for second in SECONDS {
                if long() || random.u8(0..50) == 0 {
                    check(start, &[first, second]);
                }
            }
        }
    }
}
