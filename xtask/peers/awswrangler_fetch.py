"""The rows of one Athena query with awswrangler, read from the result object, into one file."""

import argparse

import awswrangler


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--query", required=True)
    parser.add_argument("--workgroup", required=True)
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--output", required=True, help="a name that ends in .csv or .parquet")
    options = parser.parse_args()
    frame = awswrangler.athena.read_sql_query(
        options.query, database="default", ctas_approach=False, workgroup=options.workgroup,
        s3_output=f"s3://{options.bucket}/")
    if options.output.endswith(".parquet"):
        frame.to_parquet(options.output, index=False)
    else:
        frame.to_csv(options.output, index=False)


main()
