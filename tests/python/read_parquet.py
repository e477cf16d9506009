"""Reads a Parquet file with DuckDB. Reads {"path"} from standard input, writes `types`, DuckDB's types by column, and
`rows`, in the form of `oracle_query.py`, to standard output."""

import base64
import json
import math
import sys

import duckdb

AS_THEY_ARE = ("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "BLOB")


def as_json(value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def main():
    relation = duckdb.read_parquet(json.load(sys.stdin)["path"])
    types = dict(zip(relation.columns, map(str, relation.types)))
    wanted = ", ".join(f'"{name}"' if type_ in AS_THEY_ARE else f'CAST("{name}" AS VARCHAR)' for name, type_ in types.items())
    rows = [dict(zip(types, map(as_json, row))) for row in relation.project(wanted).fetchall()]
    json.dump({"types": types, "rows": rows}, sys.stdout)


main()
