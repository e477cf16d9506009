//! SQL texts: where statements end, and that nothing of them is lost.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::statement_split(data));
