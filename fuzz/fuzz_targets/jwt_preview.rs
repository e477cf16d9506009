//! What an error message tells of a token.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::jwt_preview(data));
