//! A ledger that a run is to go on from.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::targets::ledger(data));
