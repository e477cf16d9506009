//! Role chains that are written as one text.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::arn_chain(data));
