//! Athena's result CSV, cut anywhere: rows or a clear error, and no row lost.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::result_csv(data));
