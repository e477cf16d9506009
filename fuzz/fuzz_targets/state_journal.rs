//! The journal of an unfinished run: what was written, or damage that is told.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::state_journal(data));
