//! The manifest of an UNLOAD and the addresses in it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::manifest(data));
