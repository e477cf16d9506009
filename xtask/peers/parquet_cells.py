"""Prints a Parquet file as CSV, cells as Athena writes them, to compare what several programs have written."""

import csv
import sys

from pyarrow import parquet


def text(value):
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def main():
    file = parquet.ParquetFile(sys.argv[1])
    writer = csv.writer(sys.stdout)
    writer.writerow(file.schema_arrow.names)
    for batch in file.iter_batches(batch_size=10_000):
        writer.writerows([[text(value) for value in row.values()] for row in batch.to_pylist()])


main()
