//! The text files of utility statements, cut anywhere, and the same rows as the API gives them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::result_text(data));
