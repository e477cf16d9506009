"""Prints a Parquet file as CSV, every cell as its text, to compare what several programs have written."""

import sys

import pyarrow
from pyarrow import compute, csv, parquet


def main():
    file = parquet.ParquetFile(sys.argv[1])
    schema = pyarrow.schema([(name, pyarrow.string()) for name in file.schema_arrow.names])
    with csv.CSVWriter(sys.stdout.buffer, schema) as writer:
        for batch in file.iter_batches(batch_size=65_536):
            cells = [compute.cast(column, pyarrow.string()) for column in batch.columns]
            writer.write_batch(pyarrow.RecordBatch.from_arrays(cells, schema=schema))


main()
