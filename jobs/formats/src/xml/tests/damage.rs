//! Seeded damage: nothing panics, nothing depends on splits or buffers, and the counts add up.

use std::sync::Arc;

use super::run::{config_with, head, read_chain, read_split, read_whole, rounds};
use crate::infer::Inferrer;
use crate::xml::{FedState, Split, XmlConfig, XmlReader};

const DOCUMENT: &str = "<?xml version='1.0'?>\n<!DOCTYPE rs [<!ENTITY x 'y'>]>\n<n:rs xmlns:n='u'>\n\
    <!-- a <r> in a comment -->\n<r id='1' k=\"v>\"><a>one &amp; two</a><b><c>3</c><c>4</c></b></r>\n\
    <q><![CDATA[<r><a>hidden</a></r>]]></q>\n<r><a><![CDATA[x]]]></a><r><a>inner</a></r></r>\n\
    <r/><n:r><n:a>five</n:a><b/></n:r><row/>\n<r id='2'><?p <r>?><a>six</a><d e='f'>7</d></r>\n</n:rs>\n";

fn config() -> Arc<XmlConfig> {
    let fields = "{_id: int64, a: text, b: {fields: {c: {list: int64}}}, d: {fields: {_e: text, _VALUE: int64}}}";
    config_with(&["r"], fields, |options| {
        options.limits.recovery_bytes_max = 150;
        options.limits.record_bytes_max = 200;
        options.limits.sync_bytes_max = 50;
        options.limits.unknown_paths_max = 4;
        options.limits.depth_max = 6;
    })
}

/// Several documents, in Latin-1, with entities.
const DOCUMENTS: &[u8] = b"<?xml version='1.0' encoding='iso-8859-1'?>\n<!DOCTYPE rs [<!ENTITY x '\xE9&y;'>\
    <!ENTITY y \"]>\"><!ENTITY z '&z;'>]>\n<rs><r id='1'><a>&x; \xFF</a></r><r><a>&z;</a><\xE9>&y;</\xE9></r></rs>\n\
    <?xml version='1.0' encoding='latin1'?><!DOCTYPE rs [<!ENTITY x '&#233;&y;'>]>\n<rs><r><a>&y;&x;</a></r>\n\
    <!-- <!DOCTYPE rs [<!ENTITY x '1'>]> --><r><a>\xE9</a><d e='&x;'>7</d></r><r><a>2</a></r></rs>\n";

const PIECES: [&[u8]; 16] = [
    b"<",
    b">",
    b"<r>",
    b"</r>",
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"]]>",
    b"<?",
    b"\"",
    b"'",
    b"&",
    b"<r",
    b"/>",
    b"\xFF",
    b"<r a=\"",
];
const PIECES_OF_DOCUMENTS: [&[u8]; 14] = [
    b"<?xml version='1.0' encoding='koi8-r'?>",
    b"<?xml version='1.0' encoding='l1'?>",
    b"<!DOCTYPE rs [<!ENTITY x 'z'>]>",
    b"<!DOCTYPE rs [<!ENTITY y ']>'>]>",
    b"<!ENTITY x SYSTEM 'f'>",
    b"%p;",
    b"\xEF\xBB\xBF",
    b"<\0?\0x\0m\0",
    b"&x;",
    b"&z;",
    b"]>",
    b"<!--",
    b"'",
    b"<r>",
];

/// Damages the document in one to four places.
fn damaged(document: &[u8], pieces: &[&[u8]], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = document.to_vec();
    for _ in 0..random.usize(1..5) {
        let at = random.usize(..bytes.len());
        match random.u8(0..5) {
            0 => bytes[at] = random.u8(..),
            1 => {
                let to = (at + random.usize(1..30)).min(bytes.len());
                bytes.drain(at..to);
            }
            2 => {
                let piece = pieces[random.usize(..pieces.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            3 => {
                let to = (at + random.usize(1..60)).min(bytes.len());
                let copy = bytes[at..to].to_vec();
                let place = random.usize(..bytes.len());
                bytes.splice(place..place, copy);
            }
            _ => bytes.truncate(at.max(1)),
        }
        if bytes.is_empty() {
            bytes.push(b'<');
        }
    }
    bytes
}

/// Whether the file's head lets it be read as it is.
fn is_read(config: &Arc<XmlConfig>, bytes: &[u8]) -> bool {
    head(config, bytes).is_ok_and(|head| head.charset().can_be_split())
}

#[test]
fn damage_is_the_same_damage_however_it_is_read() {
    let config = config();
    let mut random = fastrand::Rng::with_seed(20_261_121);
    let (mut bad, mut conflicts, mut heads) = (0, 0, 0);
    for round in 0..rounds(6000) {
        let bytes = if round % 3 == 0 {
            damaged(DOCUMENTS, &PIECES_OF_DOCUMENTS, &mut random)
        } else {
            damaged(DOCUMENT.as_bytes(), &PIECES, &mut random)
        };
        if !is_read(&config, &bytes) {
            let mut reader = XmlReader::new(config.clone(), Split::whole());
            assert!(reader.feed(&bytes, true).is_err());
            heads += 1;
            continue;
        }
        let shown = || format!("round {round}: {}", bytes.escape_ascii());
        let (whole, _) = read_whole(&config, &bytes);
        bad += whole.bad.len();
        conflicts += usize::from(whole.conflict.is_some());
        let (part, _) = read_split(&config, &bytes, Split::whole(), random.usize(1..50));
        assert_eq!(part, whole, "{}", shown());
        for _ in 0..8 {
            let cut = random.usize(1..=bytes.len());
            let (parts, _) = read_chain(&config, &bytes, &[cut], 64);
            assert_eq!(parts, whole, "cut at {cut}, {}", shown());
        }
        let mut cuts: Vec<usize> = (0..random.usize(2..10))
            .map(|_| random.usize(1..=bytes.len()))
            .collect();
        cuts.sort_unstable();
        cuts.dedup();
        let (parts, _) = read_chain(&config, &bytes, &cuts, 64);
        assert_eq!(parts, whole, "cuts at {cuts:?}, {}", shown());
        for window in whole.bad.windows(2) {
            assert!(
                window[0].offset + window[0].raw_bytes <= window[1].offset,
                "{}",
                shown()
            );
        }
    }
    assert!(
        bad > 2000 && conflicts > 100 && heads > 10,
        "{bad}, {conflicts}, {heads}"
    );
}

#[test]
fn inference_leaves_out_the_same_records() {
    let config = config();
    let options = Arc::new(config.options().clone());
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..rounds(1000) {
        let bytes = damaged(DOCUMENT.as_bytes(), &PIECES, &mut random);
        if !is_read(&config, &bytes) {
            continue;
        }
        let mut inferrer = Inferrer::new(options.clone(), Split::whole());
        let fed = inferrer.feed(&bytes, true).unwrap();
        assert_eq!((fed.consumed, fed.state), (bytes.len(), FedState::Done));
        let inferred = inferrer.report();
        let (outcome, read) = read_whole(&config, &bytes);
        let by_value = outcome.bad.iter().filter(|bad| {
            use crate::xml::BadReason;
            matches!(
                bad.reason,
                BadReason::Value { .. } | BadReason::Repeated { .. }
            )
        });
        assert_eq!(inferred.read, read.read);
        assert_eq!(
            inferred.quarantined + by_value.count() as u64,
            read.quarantined
        );
    }
}
