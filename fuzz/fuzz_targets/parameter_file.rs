//! Parameter files in JSON, TOML and YAML, through to the values.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::parameter_file(data));
