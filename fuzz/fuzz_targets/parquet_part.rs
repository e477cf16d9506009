//! Parquet parts: rows or a clear error within bounded memory, and cells that hold together.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::parquet_part(data));
