//! What Athena writes and answers, read without loss: result files, types, texts of values, Parquet parts.
