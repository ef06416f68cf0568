//! See `documents` in jobs/formats/src/json/tests/targets.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| headworks_fuzz::target("json_documents")(data));
