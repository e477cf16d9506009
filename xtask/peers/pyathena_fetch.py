"""The rows of one Athena query with PyAthena, by one of its cursors, into one file."""

import argparse
import csv
import functools
import os

from pyathena import connect


def default(cursor, output):
    """Row by row, so that memory is bounded."""
    with open(output, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([column[0] for column in cursor.description])
        while rows := cursor.fetchmany(1000):
            writer.writerows(rows)


def pandas(cursor, output):
    frame = cursor.as_pandas()
    if output.endswith(".parquet"):
        frame.to_parquet(output, index=False)
    else:
        frame.to_csv(output, index=False)


def arrow(cursor, output):
    table = cursor.as_arrow()
    if output.endswith(".parquet"):
        from pyarrow import parquet
        parquet.write_table(table, output)
    else:
        from pyarrow import csv as arrow_csv
        arrow_csv.write_csv(table, output)


def polars(cursor, output):
    frame = cursor.as_polars()
    if output.endswith(".parquet"):
        frame.write_parquet(output)
    else:
        frame.write_csv(output)


def cursor_class(name):
    if name == "pandas":
        from pyathena.pandas.cursor import PandasCursor
        return PandasCursor
    if name == "arrow":
        from pyarrow import fs
        # Of all the cursors this one alone takes no endpoint from the environment.
        fs.S3FileSystem = functools.partial(fs.S3FileSystem, endpoint_override=os.environ["AWS_ENDPOINT_URL"])
        from pyathena.arrow.cursor import ArrowCursor
        return ArrowCursor
    if name == "polars":
        from pyathena.polars.cursor import PolarsCursor
        return PolarsCursor
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cursor", choices=["default", "pandas", "arrow", "polars"], default="default")
    parser.add_argument("--query", required=True)
    parser.add_argument("--workgroup", required=True)
    parser.add_argument("--output", required=True, help="a name that ends in .csv or .parquet")
    options = parser.parse_args()
    given = {"cursor_class": cursor_class(options.cursor)} if options.cursor != "default" else {}
    with connect(work_group=options.workgroup, region_name="eu-central-1", **given) as connection:
        cursor = connection.cursor()
        cursor.execute(options.query)
        {"default": default, "pandas": pandas, "arrow": arrow, "polars": polars}[options.cursor](cursor, options.output)


main()
