//! Names of types and texts of values, through to the cell of each output format.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::athena_types(data));
