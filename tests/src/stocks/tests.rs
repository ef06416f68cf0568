//! The deliveries against a parser that knows nothing of the generator (serde_json).

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;

/// What a correct job knows of a share's day: when it was last refreshed, the close and the volume.
type Known = (String, String, u64);

#[test]
fn the_truth_is_what_another_parser_finds() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        symbols: 8,
        days: 25,
        ..Options::new(9)
    };
    let truth = generate(&options, folder.path()).unwrap();
    let mut prices: BTreeMap<(String, String), Known> = BTreeMap::new();
    let (mut records, mut bad, mut corrected, mut again) = (0, Vec::new(), 0, 0);
    for (file, count) in &truth.records_by_file {
        let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
        again += u64::from(file.ends_with(".again.json"));
        let document: Value = serde_json::from_str(&text).unwrap();
        let Some(series) = document["Time Series (Daily)"].as_object() else {
            let key = document.as_object().unwrap().keys().next().unwrap().clone();
            bad.push((file.clone(), key, text.len() as u64));
            assert_eq!(*count, 0);
            continue;
        };
        assert_eq!(series.len() as u64, *count, "{file}");
        records += count;
        let meta = |name: &str| document["Meta Data"][name].as_str().unwrap().to_owned();
        let refreshed = meta("3. Last Refreshed");
        assert_eq!(file[..10].replace('/', "-"), refreshed);
        for (day, price) in series {
            let number = |name: &str| price[name].as_str().unwrap().to_owned();
            let known = (
                refreshed.clone(),
                number("4. close"),
                number("5. volume").parse().unwrap(),
            );
            let entry = prices.entry((meta("2. Symbol"), day.clone())).or_default();
            if known.0 > entry.0 {
                corrected += u64::from(!entry.0.is_empty() && entry.1 != known.1);
                *entry = known;
            }
        }
    }
    assert_eq!(records, truth.records);
    assert_eq!(prices.len() as u64, truth.prices);
    assert!(truth.prices < records && corrected > 0 && again > 0);
    let named: Vec<_> = truth
        .bad_documents
        .iter()
        .map(|bad| (bad.file.clone(), bad.key.to_owned(), bad.bytes))
        .collect();
    assert_eq!(named, bad);
    assert!(!bad.is_empty());
    for (symbol, share) in &truth.by_symbol {
        let days: Vec<_> = prices.iter().filter(|((of, _), _)| of == symbol).collect();
        let ((_, first), _) = days[0];
        let ((_, last), (_, close, _)) = days[days.len() - 1];
        assert_eq!(
            (share.days, &share.first, &share.last),
            (days.len() as u64, first, last)
        );
        assert_eq!(&share.last_close, close);
        assert_eq!(
            share.volume,
            days.iter().map(|(_, (_, _, volume))| volume).sum::<u64>()
        );
    }
}

#[test]
fn orders_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for options in [
        Options {
            symbols: 9,
            ..Options::new(1)
        },
        Options {
            window: 0,
            ..Options::new(1)
        },
    ] {
        assert!(
            matches!(generate(&options, folder.path()), Err(Error::Options(_))),
            "{options:?}"
        );
    }
}
