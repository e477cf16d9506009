#!/usr/bin/env python3
"""Makes the files of this folder, and what their own readers say that is in them.

    python3 -m venv v && v/bin/pip install pyarrow==21.0.0 duckdb==1.4.0
    v/bin/python make.py CHECKOUT_OF_APACHE_PARQUET_TESTING

`NAME.jsonl` is what the reader of that writer reads out of `NAME.parquet`: PyArrow for files of PyArrow and of apache/parquet-testing,
DuckDB for DuckDB's. A line is a row, an array of its cells as JSON: decimals, dates and timestamps are texts, bytes are base64. A
timestamp has the digits of the file's unit; INT96 has none, so it has 3, and 6 or 9 where finer ones are not zero.
"""
import base64, datetime as dt, decimal, json, math, pathlib, shutil, struct, sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent
# Small files of https://github.com/apache/parquet-testing at 1a2a75127be06fc0123f03ebd36c966f7beda27d.
TESTING = """alltypes_dictionary alltypes_plain alltypes_plain.snappy binary byte_array_decimal datapage_v2_empty_datapage.snappy
    delta_encoding_optional_column delta_length_byte_array dict-page-offset-zero fixed_length_decimal fixed_length_decimal_legacy
    int32_decimal int32_with_null_pages int64_decimal int96_from_spark list_columns nested_lists.snappy nested_maps.snappy
    nonnullable.impala null_list nullable.impala nulls.snappy old_list_structure page_v2_empty_compressed
    repeated_no_annotation repeated_primitive_no_list single_nan""".split()

# Microseconds that PyArrow does not read; from `data/int96_from_spark.md` there.
BEYOND = {"int96_from_spark": [1704141296123456, 1704070800000000, 253402225200000000, 1735599600000000, None, 9089380393200000000]}


def shortest(value):
    """The shortest decimal that is this float of 32 bits."""
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if struct.pack("f", float(text)) == struct.pack("f", value):
            return float(text)
    raise ValueError(value)


def timestamp(ticks, per_second, digits):
    seconds, rest = divmod(ticks, per_second)
    nanos = rest * (10**9 // per_second)
    if digits is None:
        digits = 3 if nanos % 10**6 == 0 else 6 if nanos % 10**3 == 0 else 9
    # Python's calendar ends with the year 9999; the Gregorian one repeats itself every 400 years.
    eras, seconds = divmod(seconds, 146_097 * 86_400)
    day = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=seconds)
    year = day.year + 400 * eras
    return f"{'+' if year > 9999 else ''}{year:04}-{day:%m-%d %H:%M:%S}." + f"{nanos:09}"[:digits]


def cell(value, kind, int96):
    if value is None:
        return None
    if pa.types.is_timestamp(kind):
        per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
        return timestamp(value, per_second, None if int96 else len(str(per_second)) - 1)
    if pa.types.is_struct(kind):
        return {field.name: cell(value[field.name], field.type, int96) for field in kind}
    if pa.types.is_map(kind):
        return {as_key(key): cell(inner, kind.item_type, int96) for key, inner in value}
    if pa.types.is_list(kind):
        return [cell(inner, kind.value_type, int96) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if pa.types.is_float32(kind):
        return shortest(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, (decimal.Decimal, dt.date)):
        return f"{value:f}" if isinstance(value, decimal.Decimal) else value.isoformat()
    return value


def as_key(key):
    return key if isinstance(key, str) else str(key)


def plain(kind):
    """The type with whole numbers in place of timestamps, whose Python objects have no nanoseconds."""
    if pa.types.is_timestamp(kind):
        return pa.int64()
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, plain(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(plain(kind.key_type), plain(kind.item_type))
    if pa.types.is_list(kind):
        return pa.list_(plain(kind.value_type))
    return kind


def expect(name, table, int96):
    lines = []
    columns = [(column.cast(plain(column.type)).to_pylist(), column.type) for column in table.columns]
    for row in range(table.num_rows):
        lines.append(json.dumps([cell(values[row], kind, int96) for values, kind in columns], ensure_ascii=False))
    (HERE / f"{name}.jsonl").write_text("".join(line + "\n" for line in lines))


def sample():
    """Values that encodings treat differently: runs, repeats, growing and falling numbers, NULLs, long common beginnings."""
    rows = range(250)
    some = lambda make: [None if row % 7 == 3 else make(row) for row in rows]
    day = lambda row: dt.date(1900, 1, 1) + dt.timedelta(days=row * 97)
    moment = lambda row: dt.datetime(1901, 1, 1) + dt.timedelta(days=row * 131, microseconds=row * 1_234_567)
    return pa.table({
        "tiny": pa.array(some(lambda row: row % 256 - 128), pa.int8()),
        "small": pa.array(some(lambda row: row * 261 - 32768), pa.int16()),
        "whole": pa.array(some(lambda row: (-1) ** row * row * row * 2147), pa.int32()),
        "big": pa.array(some(lambda row: (row - 125) * 73786976294838206), pa.int64()),
        "run": pa.array([row // 70 for row in rows], pa.int64()),
        "truth": pa.array(some(lambda row: row % 3 == 0), pa.bool_()),
        "real": pa.array(some(lambda row: row / 7), pa.float32()),
        "double": pa.array(some(lambda row: [row / 7, math.nan, -math.inf, 5e-324][row % 4]), pa.float64()),
        "price": pa.array(some(lambda row: decimal.Decimal(row * 12345 - 6789).scaleb(-2)), pa.decimal128(10, 2)),
        "wide": pa.array(some(lambda row: decimal.Decimal(10**37 + row).scaleb(-10)), pa.decimal128(38, 10)),
        "text": pa.array(some(lambda row: f"common/beginning/{row:05}/é🦀" if row % 5 else ""), pa.string()),
        "repeat": pa.array(some(lambda row: f"one of {row % 4}"), pa.string()),
        "bytes": pa.array(some(lambda row: bytes([row % 256, 0, 255]) * (row % 4)), pa.binary()),
        "day": pa.array(some(day), pa.date32()),
        "at": pa.array(some(moment), pa.timestamp("us")),
        "list": pa.array(some(lambda row: [f"{row}", None, "x"][: row % 4]), pa.list_(pa.string())),
        "map": pa.array(some(lambda row: [(f"k{key}", key * 0.5) for key in range(row % 3)]), pa.map_(pa.string(), pa.float64())),
        "row": pa.array(some(lambda row: {"at": moment(row), "in": {"n": row, "l": [row] * (row % 3)}}),
                        pa.struct([("at", pa.timestamp("us")), ("in", pa.struct([("n", pa.int32()), ("l", pa.list_(pa.int64()))]))])),
    })


def main(testing):
    whole = sample()
    flat = whole.drop_columns(["list", "map", "row"])
    delta = {"tiny": "DELTA_BINARY_PACKED", "small": "DELTA_BINARY_PACKED", "whole": "DELTA_BINARY_PACKED", "big": "DELTA_BINARY_PACKED",
             "run": "DELTA_BINARY_PACKED", "truth": "RLE", "real": "BYTE_STREAM_SPLIT", "double": "BYTE_STREAM_SPLIT",
             "price": "BYTE_STREAM_SPLIT", "wide": "PLAIN", "text": "DELTA_LENGTH_BYTE_ARRAY", "repeat": "DELTA_LENGTH_BYTE_ARRAY",
             "bytes": "DELTA_LENGTH_BYTE_ARRAY", "day": "DELTA_BINARY_PACKED", "at": "DELTA_BINARY_PACKED"}
    for name, table, options in [
        ("pyarrow_int96", whole, dict(use_deprecated_int96_timestamps=True, compression="snappy", data_page_size=512)),
        ("pyarrow_dictionary", whole, dict(use_dictionary=True, compression="snappy", row_group_size=100)),
        ("pyarrow_delta", flat, dict(use_dictionary=False, column_encoding=delta, compression="snappy", data_page_version="2.0")),
        ("pyarrow_delta_byte_array", flat.select(["text"]).slice(0, 20),
         dict(use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"}, compression="snappy")),
        ("pyarrow_plain_v2", whole, dict(use_dictionary=False, compression="none", data_page_version="2.0", data_page_size=512,
                                         use_compliant_nested_type=False)),
    ]:
        pq.write_table(table, HERE / f"{name}.parquet", **options)
        expect(name, pq.read_table(HERE / f"{name}.parquet"), "int96" in name)

    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for version in ("v1", "v2"):
        name = f"duckdb_{version}"
        target = HERE / f"{name}.parquet"
        connection.execute(f"""COPY (SELECT i::INTEGER AS n, (i * 1234567891)::BIGINT AS big, i % 3 = 0 AS truth, (i / 7)::FLOAT AS real,
            i / 7 AS double, (i * 1.25)::DECIMAL(12, 4) AS price, CASE WHEN i % 5 = 0 THEN NULL ELSE 'text ' || i % 50 END AS text,
            encode('bytes ' || i) AS bytes, DATE '1999-12-31' + i::INTEGER AS day,
            TIMESTAMP '1999-12-31 23:59:59.123456' + INTERVAL (i) HOUR AS at, [i, NULL, i * 2] AS list,
            MAP {{'k' || i % 3: i}} AS map, {{'a': i, 'b': 'x' || i}} AS row FROM range(120) t(i))
            TO '{target}' (FORMAT parquet, PARQUET_VERSION {version}, COMPRESSION snappy, ROW_GROUP_SIZE 50)""")
        expect(name, connection.execute(f"SELECT * FROM '{target}'").fetch_arrow_table(), False)

    for name in TESTING:
        shutil.copyfile(testing / "data" / f"{name}.parquet", HERE / f"{name}.parquet")
        schema = pq.ParquetFile(HERE / f"{name}.parquet").schema
        int96 = any(schema.column(at).physical_type == "INT96" for at in range(len(schema)))
        read = pq.read_table(HERE / f"{name}.parquet")
        if name in BEYOND:
            read = pa.table({read.column_names[0]: pa.array(BEYOND[name], pa.timestamp("us"))})
        expect(name, read, int96)


main(pathlib.Path(sys.argv[1]))
