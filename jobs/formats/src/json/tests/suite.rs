//! Nicolas Seriot's JSONTestSuite: what it says must be read is, what it says must not is bad, and nothing panics.

use std::process::Command;

use super::run::{head, inferred, options, read_split};
use crate::Split;
use crate::json::{JsonOptions, Layout};
use crate::tests::files::real_data;

/// The files of the suite: name and bytes.
fn files() -> Option<Vec<(String, Vec<u8>)>> {
    let archive = real_data()?.join("json/JSONTestSuite.tar.zst");
    let done = Command::new("zstd").arg("-dc").arg(archive).output().ok()?;
    let tar = done.status.success().then_some(done.stdout)?;
    const BLOCK: usize = 512;
    let mut files = Vec::new();
    let mut at = 0;
    while at + BLOCK <= tar.len() && tar[at] != 0 {
        let header = &tar[at..at + BLOCK];
        let text = |from: usize, to: usize| {
            let field = &header[from..to];
            let end = field
                .iter()
                .position(|b| *b == 0 || *b == b' ')
                .unwrap_or(field.len());
            String::from_utf8_lossy(&field[..end]).into_owned()
        };
        let size = usize::from_str_radix(&text(124, 136), 8).unwrap();
        let name = text(0, 100);
        let name = name.rsplit('/').next().unwrap().to_string();
        at += BLOCK;
        if header[156] == b'0' && !name.is_empty() {
            files.push((name, tar[at..at + size].to_vec()));
        }
        at += size.div_ceil(BLOCK) * BLOCK;
    }
    Some(files)
}

/// Those without a document, which are files of no records and of nothing bad.
const EMPTY: [&str; 3] = [
    "n_single_space.json",
    "n_structure_no_data.json",
    "n_structure_UTF8_BOM_no_data.json",
];

/// How many records a file has, and how many of them are bad; nothing if its encoding is refused.
fn counts(options: &JsonOptions, bytes: &[u8]) -> Option<(usize, usize)> {
    let head = head(options, bytes).ok()?;
    let text = match head.transcoder() {
        Some(mut transcoder) => transcoder.push(bytes, true).ok()?,
        None => bytes.to_vec(),
    };
    // As it will be read, transcoded or not.
    let mut options = options.clone();
    options.layout = head.layout();
    let empty = std::sync::Arc::new(arrow::datatypes::Schema::empty());
    let config = inferred(&options, &text).unwrap_or_else(|| {
        let config = crate::json::JsonConfig::new(options, empty.clone(), empty);
        std::sync::Arc::new(config.unwrap())
    });
    let mut all = Vec::new();
    for chunk in [usize::MAX, 1000, 3] {
        if chunk == 3 && text.len() > 10_000 {
            continue;
        }
        let (outcome, _) = read_split(&config, &text, Split::whole(), chunk).unwrap();
        all.push((outcome.rows.len(), outcome.bad.len()));
    }
    all.dedup();
    assert_eq!(all.len(), 1);
    Some(all[0])
}

#[test]
fn the_suite_is_accepted_and_refused_as_it_says() {
    let Some(files) = files() else {
        println!("skipped: the_suite_is_accepted_and_refused_as_it_says: no real data, or no zstd");
        return;
    };
    assert_eq!(files.len(), 318);
    let mut wrong = Vec::new();
    for (name, bytes) in &files {
        for layout in [
            Layout::Auto,
            Layout::Lines,
            Layout::Documents,
            Layout::Array,
        ] {
            let is_array = bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'[');
            if layout == Layout::Array && !is_array && !name.starts_with("i_") {
                continue;
            }
            let found = counts(&options(|o| o.layout = layout), bytes);
            let (kind, _) = name.split_once('_').unwrap();
            // Documents that stand one after another are two, which the suite takes for one that is wrong; and a
            // document over lines is none of lines.
            let is_other = layout == Layout::Documents && kind == "n";
            let in_lines = layout == Layout::Lines && bytes.contains(&b'\n');
            let is_right = match (kind, found) {
                ("y", Some((rows, bad))) => {
                    in_lines
                        || (bad == 0 && rows > 0)
                        || (is_array && layout != Layout::Lines && bad == 0)
                }
                ("n", Some((_, bad))) => EMPTY.contains(&name.as_str()) || is_other || bad > 0,
                ("n", None) | ("i", _) => true,
                _ => false,
            };
            if !is_right {
                wrong.push((name.clone(), layout, found));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
