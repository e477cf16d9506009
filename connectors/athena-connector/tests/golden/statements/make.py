#!/usr/bin/env python3
"""Writes the answers of this folder out of what was measured; see README.md. Each file has the columns of GetQueryResults, its rows
(`Data`, one text a datum), the object byte for byte, and how many bytes the measurement names."""
import json, pathlib

HERE = pathlib.Path(__file__).parent
string, varchar = "string", "varchar"
DESCRIBE = [["col_name", string], ["data_type", string], ["comment", string]]


def padded(*fields):
    return "\t".join(field.ljust(20) for field in fields)


def write(name, kind, source, columns, rows, size=None, header=False, end="csv"):
    if end == "csv":
        quoted = lambda text: "" if text is None else '"' + text.replace('"', '""') + '"'
        body = "".join(",".join(map(quoted, row)) + "\n" for row in rows)
    else:
        body = "\n".join("\t".join(row) for row in rows)
    assert size is None or len(body.encode()) == size, (name, len(body.encode()), size)
    (HERE / f"{name}.json").write_text(json.dumps({"statement": kind[0], "type": kind[1], "substatement": kind[2], "source": source,
        "columns": columns, "header": header, "rows": rows, "object": body}, indent=1, ensure_ascii=False) + "\n")


def lines(name, kind, source, columns, rows, size=None, header=False):
    write(name, kind, source, columns, [[row] for row in rows], size, header, "txt")


measured = "docs/dev/measurements/"
files, results, statements = (measured + page for page in ("result-files.md", "query-results.md", "statements.md"))
api = "docs/api.md"
lines("describe_hive", ["DESCRIBE t", "UTILITY", "DESCRIBE_TABLE"], files, DESCRIBE,
      [padded("n", "int") + "\ta", padded("m", "int", "")], 106)
lines("describe_hive_partitioned", ["DESCRIBE t", "UTILITY", "DESCRIBE_TABLE"], results, DESCRIBE,
      [padded("n", "int", ""), padded("p", string, ""), "\t \t ", "# Partition Information\t \t ",
       "# col_name".ljust(22) + "\t" + padded("data_type", "comment"), "\t \t ", padded("p", string, "")], 291)
lines("describe_iceberg", ["DESCRIBE t", "UTILITY", "DESCRIBE_TABLE"], results, DESCRIBE,
      ["# Table schema:\t\t", "# col_name\tdata_type\tcomment", "n\tint\tabc", "s\tstring\t", "ts\ttimestamp\t", "d\tdecimal(10, 2)\t",
       "arr\tarray<string>\t", "st\tstruct<a: int>\t", "c21_xxxxxxxxxxxxxxxxx\tbigint\t", "\t\t", "# Partition spec:\t\t",
       "# field_name\tfield_transform\tcolumn_name", "s\tidentity\ts", "n_bucket\tbucket[4]\tn", "ts_day\tday\tts"], 278)
lines("describe_view", ["DESCRIBE v", "UTILITY", "DESC_VIEW"], results, [["column", varchar], ["type", varchar]],
      ["n\tinteger", "s\tvarchar(1)"], 22)
lines("show_columns_iceberg", ["SHOW COLUMNS FROM t", "UTILITY", "SHOW_COLUMNS"], results, [["field", string]],
      ["n", "s", "ts", "d", "arr", "st", "c21_xxxxxxxxxxxxxxxxx"], 37)
lines("show_columns_hive", ["SHOW COLUMNS FROM t", "UTILITY", "SHOW_COLUMNS"], statements, [["field", string]],
      ["n".ljust(20), "p".ljust(20)], 41)
lines("show_tblproperties", ["SHOW TBLPROPERTIES t", "UTILITY", "SHOW_TABLE_PROPERTIES"], files,
      [["prpt_name", string], ["prpt_value", string]],
      ["EXTERNAL\tTRUE", "transient_lastDdlTime\t1790000000", "note\txa\tb", "cy"], 59)
lines("show_partitions_none", ["SHOW PARTITIONS t", "UTILITY", "SHOW_PARTITIONS"], statements, [["partition", string]], [], 0)
lines("msck_repair", ["MSCK REPAIR TABLE t", "DDL", "MSCK_REPAIR"], statements, [],
      ["Tables missing on filesystem:\tathena_local_probe_113_x1"], 55)
lines("drop_table_iceberg", ["DROP TABLE t", "DDL", "DROP_TABLE"], files, [], ["", ""], 1)
lines("create_database", ["CREATE DATABASE d", "DDL", "CREATE_DATABASE"], files, [], [], 0)
# The plan's own text was not noted: eleven lines stand for it. What counts is its header, and the empty rows at its end.
lines("explain", ["EXPLAIN SELECT 1", "DML", "EXPLAIN"], api, [["Query Plan", varchar]],
      ["Query Plan", *(f"    line {number} of the plan" for number in range(1, 12)), "", "", ""], header=True)
lines("explain_json", ["EXPLAIN (FORMAT JSON) SELECT 1", "DML", "EXPLAIN"], api, [["Query Plan", varchar]],
      ["Query Plan", "{", '   "id" : "1"', "}", ""], header=True)
lines("explain_validate", ["EXPLAIN (TYPE VALIDATE) SELECT 1", "DML", "EXPLAIN"], api, [["Valid", "boolean"]],
      ["Valid", "true", ""], header=True)
write("select", ["SELECT …", "DML", "SELECT"], files,
      [["i", "integer"], ["s", varchar], ["q", varchar], ["n", varchar], ["empty", varchar], ["a", "array"], ["vb", "varbinary"]],
      [["i", "s", "q", "n", "empty", "a", "vb"], ["1", "it's", 'a"b', None, "", "[1, 2]", "01 02"]], header=True)
write("select_no_rows", ["SELECT 1 AS i WHERE false", "DML", "SELECT"], files, [["i", "integer"]], [["i"]], 4, True)
write("select_no_name", ["SELECT 1", "DML", "SELECT"], files, [["_col0", "integer"]], [["_col0"], ["1"]], 12, True)
# Three of its functions; the names of its columns were not noted.
write("show_functions", ["SHOW FUNCTIONS", "UTILITY", "SHOW_FUNCTIONS"], files, [["Function", varchar], ["Signature", varchar], ["Description", varchar]],
      [["Function", "Signature", "Description"], ["abs", "abs(bigint)", "Absolute value"], ["empty", "empty()", ""]], header=True)
write("values", ["SELECT …", "DML", "SELECT"], api,
      [["t0", "timestamp"], ["t6", "timestamp"], ["d", "double"], ["r", "float"], ["a", "array"], ["m", "map"], ["row", "row"]],
      [["t0", "t6", "d", "r", "a", "m", "row"],
       ["2020-01-01 12:34:56", "2020-01-01 12:34:56.789123", "0.30000000000000004", "1.5", "[[1], [2, 3]]", "{k=1}", "{1, x}"],
       ["2020-01-01 12:34:56", "2020-01-01 12:34:56.789000", "1.0E20", "1.0E-7", "[a, null]", "{}", "{id=1, name=x}"]], header=True)
