//! The fuzzers' targets without a fuzzer: over the corpus, and over seeded mutations of it.
//!
//! `HEADWORKS_TEST_ROUNDS=1000 cargo test --release -p headworks-formats mutate` runs for a thousand times as long;
//! `HEADWORKS_SEED` begins elsewhere.

use super::run::rounds;
use super::targets::{HEAD_BYTES, TARGETS, Target, WORDS, word};
use super::tricky::TRICKY;
use crate::tests::files;

/// Mutated inputs of each target in the usual run.
const INPUTS: u64 = 20_000;

/// The inputs that `cargo fuzz` keeps, and the tricky documents.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let mut corpus = files::corpus(target);
    for (_, _, document) in TRICKY {
        let document = document.replace("réc", "r").replace("row", "r");
        corpus.push([&[0; HEAD_BYTES], document.as_bytes()].concat());
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
    for _ in 0..rounds(INPUTS) {
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
    for at in 0..HEAD_BYTES {
        let was = std::mem::take(&mut input[at]);
        if !fails(target, &input) {
            input[at] = was;
        }
    }
    input
}

#[test]
fn seeded_mutations_for_the_tokenizer() {
    seeded("tokenizer");
}

#[test]
fn seeded_mutations_for_the_splitter() {
    seeded("splitter");
}

#[test]
fn seeded_mutations_for_the_reader() {
    seeded("reader");
}

#[test]
fn seeded_mutations_for_inference() {
    seeded("infer");
}

/// A new input, made from those of the corpus or of nothing.
fn mutated(random: &mut fastrand::Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut input = if random.u8(0..3) == 0 {
        let mut words = vec![0; HEAD_BYTES];
        words[0] = 1;
        let most = if random.bool() { 12 } else { 60 };
        for _ in 0..random.usize(1..most) {
            // Mostly what a record is made of.
            let among = [255, 32, WORDS.len() as u8, WORDS.len() as u8][random.usize(..4)];
            words.push(random.u8(..among));
        }
        words
    } else {
        corpus[random.usize(..corpus.len())].clone()
    };
    input.resize(input.len().max(HEAD_BYTES + 1), b'<');
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
                let piece = if plain { word(byte) } else { vec![byte] };
                input.splice(at..at, piece);
            }
        }
    }
    input
}
