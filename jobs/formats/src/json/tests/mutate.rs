//! The fuzzers' targets without a fuzzer: over the corpus, and over seeded mutations of it.
//!
//! `HEADWORKS_TEST_ROUNDS=1000 cargo test --release -p headworks-formats mutate` runs for a thousand times as long;
//! `HEADWORKS_SEED` begins elsewhere.

use super::slow;
use super::targets::{HEAD_BYTES, TARGETS, Target, WORDS, word};
use crate::tests::files;

/// Mutated inputs of each target in the usual run.
const INPUTS: u64 = 20_000;

/// How often a seeded test goes round: `HEADWORKS_TEST_ROUNDS`, else once.
pub(super) fn rounds() -> u64 {
    let times = std::env::var("HEADWORKS_TEST_ROUNDS");
    times.ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// The inputs that `cargo fuzz` keeps, and some files.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let mut corpus = files::corpus(target);
    let mut random = fastrand::Rng::with_seed(4);
    for _ in 0..40 {
        let mut input = vec![0; HEAD_BYTES];
        for _ in 0..random.usize(1..5) {
            slow::random_record(&mut random, &mut input);
            input.extend_from_slice([&b"\n"[..], b",", b" "][random.usize(..3)]);
        }
        corpus.push(input);
    }
    corpus
}

#[test]
fn the_corpus_is_read_right() {
    for (name, target) in TARGETS {
        for input in corpus(name) {
            target(&input);
        }
    }
}

fn seeded(name: &str) {
    let (_, target) = TARGETS.iter().find(|(target, _)| *target == name).unwrap();
    let corpus = corpus(name);
    let seed = std::env::var("HEADWORKS_SEED").ok();
    let mut random = fastrand::Rng::with_seed(seed.and_then(|text| text.parse().ok()).unwrap_or(1));
    for _ in 0..INPUTS * rounds() {
        let input = mutated(&mut random, &corpus);
        if fails(*target, &input) {
            let small = shrunk(*target, input);
            println!("{name} fails on the bytes {small:?}");
            target(&small);
        }
    }
}

fn fails(target: Target, input: &[u8]) -> bool {
    std::panic::catch_unwind(|| target(input)).is_err()
}

/// Leaves out of an input what it fails without.
fn shrunk(target: Target, mut input: Vec<u8>) -> Vec<u8> {
    let mut length = input.len();
    while length > 0 {
        let mut at = HEAD_BYTES;
        while at < input.len() {
            let mut less = input.clone();
            less.drain(at..(at + length).min(input.len()));
            if fails(target, &less) {
                input = less;
            } else {
                at += length;
            }
        }
        length /= 2;
    }
    for at in 0..HEAD_BYTES.min(input.len()) {
        let was = std::mem::take(&mut input[at]);
        if !fails(target, &input) {
            input[at] = was;
        }
    }
    input
}

#[test]
fn seeded_mutations_of_lines() {
    seeded("json_lines");
}

#[test]
fn seeded_mutations_of_documents() {
    seeded("json_documents");
}

#[test]
fn seeded_mutations_for_inference() {
    seeded("json_infer");
}

/// A new input, made from those of the corpus or of nothing.
fn mutated(random: &mut fastrand::Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut input = if random.u8(0..3) == 0 {
        let mut words = vec![0; HEAD_BYTES];
        words[0] = 1;
        let most = if random.bool() { 12 } else { 60 };
        for _ in 0..random.usize(1..most) {
            words.push(random.u8(..WORDS.len() as u8));
        }
        words
    } else {
        corpus[random.usize(..corpus.len())].clone()
    };
    input.resize(input.len().max(HEAD_BYTES + 1), b'{');
    let plain = input[0] & 1 == 0;
    random.fill(&mut input[..HEAD_BYTES]);
    input[0] = input[0] & !1 | u8::from(!plain);
    for _ in 0..random.usize(0..6) {
        let at = random.usize(HEAD_BYTES..=input.len().max(HEAD_BYTES));
        let to = (at + random.usize(1..40)).min(input.len());
        match random.u8(0..6) {
            0 if at < input.len() => input[at] = random.u8(..),
            1 => {
                input.drain(at..to);
            }
            2 => {
                let copy = input[at..to].to_vec();
                let place = random.usize(HEAD_BYTES..=input.len());
                input.splice(place..place, copy);
            }
            3 => {
                let other = &corpus[random.usize(..corpus.len())];
                let from = random.usize(..=other.len());
                let until = random.usize(from..=other.len());
                input.splice(at..at, other[from..until].iter().copied());
            }
            4 => input.truncate(at),
            _ => {
                let byte = random.u8(..);
                let piece = if plain {
                    word(byte).to_vec()
                } else {
                    vec![byte]
                };
                input.splice(at..at, piece);
            }
        }
    }
    input
}
