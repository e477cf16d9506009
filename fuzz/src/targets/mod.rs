//! One function for each target: it takes any bytes, and panics where something does not hold.

mod authentication;
mod parameter_file;
mod parquet_part;
mod results;
mod state;
mod statements;
mod values;

pub use authentication::{arn_chain, jwt_preview};
pub use parameter_file::parameter_file;
pub use parquet_part::parquet_part;
pub use results::{manifest, result_csv, result_text};
pub use state::{ledger, state_journal};
pub use statements::statement_split;
pub use values::athena_types;

/// A target: its name and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const ALL: [Target; 11] = [
    ("arn_chain", arn_chain),
    ("athena_types", athena_types),
    ("jwt_preview", jwt_preview),
    ("ledger", ledger),
    ("manifest", manifest),
    ("parameter_file", parameter_file),
    ("parquet_part", parquet_part),
    ("result_csv", result_csv),
    ("result_text", result_text),
    ("state_journal", state_journal),
    ("statement_split", statement_split),
];

/// The pieces of `bytes`, cut as `way` says: whole, byte by byte, in two, or in pieces of changing lengths.
fn pieces(bytes: &[u8], way: u8) -> Vec<&[u8]> {
    match way {
        0 => vec![bytes],
        1 => bytes.chunks(1).collect(),
        2..=99 => {
            let (before, behind) = bytes.split_at(usize::from(way - 2).min(bytes.len()));
            vec![before, behind]
        }
        _ => {
            let (mut rest, mut pieces, mut length) = (bytes, Vec::new(), usize::from(way));
            while !rest.is_empty() {
                // Any sequence would do; this one has short, long and empty pieces.
                length = (length * 5 + 3) % 31;
                let (piece, behind) = rest.split_at(length.min(rest.len()));
                pieces.push(piece);
                rest = behind;
            }
            pieces
        }
    }
}
