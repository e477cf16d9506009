//! The same rows by every way of fetching and in every format: texts of every kind, and results of every length.

use aws_sim::{Canned, Estate, QueryRule};
use serde_json::{Value as Json, json};

use crate::harness::*;
use crate::reading::{FETCHES, FORMATS, Table};
use crate::world::*;

/// An estate with one statement, `select t`, whose result is this.
fn estate_with(result: Canned) -> Estate {
    let mut estate = estate();
    estate.athena().canned("select t", result);
    estate
}

/// Runs `select t` by every way and in every format, and compares all of it with what is expected.
fn assert_everywhere(estate: Estate, columns: &[&str], rows: &[Vec<Json>]) {
    let sim = start(estate);
    for fetch in FETCHES {
        for format in FORMATS {
            let outcome = run(&sim, "select t")
                .output(&format!("rows.{format}"))
                .params(json!({"fetch": fetch, "leading_columns": "none"}))
                .inside();
            outcome.expect(0);
            let table = Table::of(&outcome, format);
            assert_same(fetch, format, &table.rows, rows);
            let by_rows = matches!(format, "json" | "jsonl");
            assert!(
                by_rows && rows.is_empty() || table.columns == columns,
                "{fetch} {format}"
            );
            let slice = slice(&outcome);
            assert_eq!(slice["rows"], rows.len(), "{fetch} {format}");
            let word = if rows.is_empty() { "empty" } else { "complete" };
            assert_eq!(slice["outcome"], word, "{fetch} {format}");
        }
    }
}

/// Rows in the same order; in any order where UNLOAD wrote them, which keeps none.
fn assert_same(way: &str, format: &str, found: &[Vec<Json>], expected: &[Vec<Json>]) {
    let (mut found, mut expected): (Vec<_>, Vec<_>) = (found.iter().collect(), expected.iter().collect());
    if way.ends_with("unload") {
        found.sort_by_key(|row| json!(row).to_string());
        expected.sort_by_key(|row| json!(row).to_string());
    }
    // In a few words: cells may be long.
    let shown = |row: &Vec<Json>| json!(row).to_string().chars().take(300).collect::<String>();
    if let Some(at) = found.iter().zip(&expected).position(|(a, b)| a != b) {
        let (found, expected) = (shown(found[at]), shown(expected[at]));
        panic!("{way} {format}: row {at} is {found} instead of {expected}");
    }
    assert_eq!(found.len(), expected.len(), "{way} {format}");
}

/// Everything that CSV, tabs, pages or NULL can make ambiguous.
const TEXTS: &[Option<&str>] = &[
    None,
    Some(""),
    Some(" "),
    Some("\""),
    Some("\"\""),
    Some("a \"b\", c"),
    Some(","),
    Some("\n"),
    Some("a\nb\n"),
    Some("\r\n"),
    Some("a\rb"),
    Some("\t"),
    Some("a\tb"),
    Some("null"),
    Some("NULL"),
    Some("\\N"),
    Some("\\"),
    Some("é ü 漢字"),
    Some("🦀𝔘"),
    Some("\u{feff}bom"),
    Some("\u{1}\u{7f}"),
    Some("{a=1}"),
    Some("'"),
];

fn cell(text: Option<&str>) -> Json {
    text.map_or(Json::Null, Json::from)
}

#[test]
fn every_text_is_the_same_by_every_way_and_in_every_format() {
    let mut result = Canned::new(&[("n", "varchar"), ("a", "varchar"), ("b", "varchar")]);
    let mut rows = Vec::new();
    for (at, text) in TEXTS.iter().enumerate() {
        let number = at.to_string();
        // Each text stands once before and once behind NULL and the empty text, so that a cell cannot slip.
        for other in [None, Some("")] {
            for pair in [[*text, other], [other, *text]] {
                result = result.row(&[Some(&number), pair[0], pair[1]]);
                rows.push(vec![json!(number), cell(pair[0]), cell(pair[1])]);
            }
        }
    }
    assert_everywhere(estate_with(result), &["n", "a", "b"], &rows);
}

/// A NULL in a result of one column is a blank line in the object.
#[test]
fn a_column_alone_keeps_null_apart_from_nothing() {
    let mut result = Canned::new(&[("only", "varchar")]);
    let mut rows = Vec::new();
    for text in TEXTS.iter().flat_map(|text| [None, *text, Some("")]).chain([None]) {
        result = result.row(&[text]);
        rows.push(vec![cell(text)]);
    }
    assert_everywhere(estate_with(result), &["only"], &rows);
    let nulls = Canned::new(&[("only", "varchar")]).row(&[None]).row(&[None]);
    assert_everywhere(estate_with(nulls), &["only"], &[vec![Json::Null], vec![Json::Null]]);
}

/// Whether there is a header is said by AWS of the statement. A row that looks like one is a row.
#[test]
fn a_row_that_equals_the_header_stays() {
    let result = Canned::new(&[("a", "varchar"), ("b", "varchar")]);
    let result = result.row(&[Some("a"), Some("b")]).row(&[Some("1"), None]);
    let result = result.row(&[Some("a"), Some("b")]);
    let rows = [
        vec![json!("a"), json!("b")],
        vec![json!("1"), Json::Null],
        vec![json!("a"), json!("b")],
    ];
    assert_everywhere(estate_with(result.clone()), &["a", "b"], &rows);
    // The same when the page with the header is not the first one.
    let mut estate = estate_with(result);
    estate.athena().empty_page_every(Some(1));
    assert_everywhere(estate, &["a", "b"], &rows);
}

fn numbered(count: u64) -> Canned {
    Canned::generated(&[("n", "bigint"), ("text", "varchar")], count, |row, column, text| {
        match column {
            0 => text.push_str(&row.to_string()),
            _ => text.push_str(&format!("row {row}")),
        }
        column == 0 || row % 3 != 0
    })
}

/// What `numbered` gives, as CSV has it and as the other formats have it.
fn numbered_rows(count: u64, csv: bool) -> Vec<Vec<Json>> {
    let row = |row: u64| {
        let number = if csv { json!(row.to_string()) } else { json!(row) };
        let text = if row.is_multiple_of(3) {
            Json::Null
        } else {
            json!(format!("row {row}"))
        };
        vec![number, text]
    };
    (0..count).map(row).collect()
}

/// Around the size of a page, with and without pages that are empty and carry a token.
#[test]
fn results_of_every_length_are_whole() {
    for empty_every in [None, Some(1), Some(2)] {
        let mut estate = estate();
        estate.athena().empty_page_every(empty_every);
        let counts = [0, 1, 998, 999, 1000, 1001, 2500];
        for count in counts {
            estate.athena().canned(&format!("select {count}"), numbered(count));
        }
        // One part, three, and a page's worth of them.
        estate
            .athena()
            .rule(QueryRule::any().containing("select 2500").unload_parts(7));
        let sim = start(estate);
        for count in counts {
            for fetch in FETCHES {
                for format in FORMATS {
                    // The ways of the pages are the same in all formats.
                    if empty_every.is_some() && (format != "csv" || fetch == "unload") {
                        continue;
                    }
                    let outcome = run(&sim, &format!("select {count}"))
                        .output(&format!("rows.{format}"))
                        .params(json!({"fetch": fetch, "leading_columns": "none"}))
                        .inside();
                    outcome.expect(0);
                    let table = Table::of(&outcome, format);
                    let expected = numbered_rows(count, format == "csv");
                    assert_same(&format!("{count} {fetch}"), format, &table.rows, &expected);
                }
            }
        }
    }
}

#[test]
fn a_field_of_ten_megabytes_is_whole() {
    // Quotes, line breaks and letters of four bytes, so that its parts are cut at every place.
    let long: String = "0123456789\"\n🦀,".chars().cycle().take(8_600_000).collect();
    assert!(long.len() > 10_000_000);
    let result = Canned::new(&[("a", "varchar"), ("b", "varchar")])
        .row(&[Some(&long), Some("behind")])
        .row(&[None, Some("")]);
    let rows = [vec![json!(long), json!("behind")], vec![Json::Null, json!("")]];
    assert_everywhere(estate_with(result), &["a", "b"], &rows);
}

/// Athena has finer times than Parquet's columns here. Whoever asks for them in one account gets the rows of the others.
#[test]
fn a_value_that_parquet_does_not_hold_fails_its_own_slice() {
    let mut estate = estate();
    for (account, moment) in [(A, "2001-08-22 03:04:05.321654987"), (B, "2001-08-22 03:04:05.321")] {
        let result = Canned::new(&[("moment", "timestamp")]).row(&[Some(moment)]);
        estate.athena().canned(&format!("select {account}"), result);
    }
    let sim = start(estate);
    for (format, code) in [("parquet", 3), ("csv", 0)] {
        let outcome = run(&sim, "select {accountId}")
            .output(&format!("rows.{format}"))
            .params(json!({
                "sub_account_assume_role_arn_chain": [Estate::SUB_ACCOUNT_ROLE],
                "accounts": [A, B],
                "leading_columns": "none",
            }))
            .inside();
        outcome.expect(code);
        let rows = Table::of(&outcome, format).rows;
        let slice = outcome.slice(A, Some(FRANKFURT));
        if format == "csv" {
            assert_eq!(rows, [["2001-08-22 03:04:05.321654987"], ["2001-08-22 03:04:05.321"]]);
            continue;
        }
        // Microseconds since 1970.
        assert_eq!(rows, [[json!(998_449_445_321_000_u64)]]);
        assert_eq!(slice["outcome"], "failed");
        let message = slice["cause"]["message"].as_str().unwrap();
        assert!(
            message.contains("column moment") && message.contains("whole microseconds"),
            "{message}"
        );
    }
}
