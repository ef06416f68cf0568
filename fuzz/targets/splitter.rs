//! See `splitter` in jobs/formats/src/xml/tests/targets.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| headworks_fuzz::target("splitter")(data));
