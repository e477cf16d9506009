//! Pages of GetQueryResults: asked for again where they are lost, and never fewer than there are.

use aws_sim::{Action, Canned, Estate, Fault, Sim, Workgroup};
use serde_json::{Value as Json, json};

use crate::harness::*;
use crate::reading::fetched;
use crate::world::*;

const ROWS: u64 = 3500;

fn estate_with_pages() -> Estate {
    let numbers = Canned::generated(&[("n", "bigint")], ROWS, |row, _, text| {
        text.push_str(&row.to_string());
        true
    });
    let mut estate = estate();
    estate
        .athena()
        .canned("select n", numbers)
        .workgroup(Workgroup::new("managed").managed_results());
    estate
}

fn page(sim: &Sim) -> Run<'_> {
    run(sim, "select n").params(json!({"fetch": "api"}))
}

/// A page as AWS answers it.
fn answer(columns: &[&str], rows: &[Json], token: Option<&str>) -> Action {
    let infos: Vec<Json> = columns
        .iter()
        .map(|name| json!({"Name": name, "Type": "varchar"}))
        .collect();
    let rows: Vec<Json> = rows.iter().map(|cells| json!({"Data": cells})).collect();
    let body = json!({
        "ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": infos}},
        "NextToken": token,
    });
    Action::Body {
        status: 200,
        content_type: "application/x-amz-json-1.1",
        body: body.to_string(),
    }
}

#[test]
fn a_page_that_is_lost_is_asked_for_again() {
    let pages = || Fault::on("athena:GetQueryResults");
    for fault in [
        pages().every(2).then(Action::LoseAnswer),
        pages().every(2).then(Action::Reset),
        pages().every(3).then(Action::Truncate),
        pages().every(2).then(Action::ResetAfter(10)),
        pages().every(2).then(Action::Throttle),
        pages().first(2).error(500, "InternalServerException", ""),
        pages().every(2).html(502),
    ] {
        for empty_pages in [None, Some(1)] {
            let mut estate = estate_with_pages();
            estate.athena().empty_page_every(empty_pages);
            let sim = start(estate);
            let told = format!("{fault:?}");
            let id = sim.faults().add(fault.clone());
            let (outcome, table) = fetched(page(&sim), "api");
            let expected: Vec<Vec<Json>> = (0..ROWS).map(|row| vec![json!(row)]).collect();
            assert_eq!(table.rows, expected, "{told}");
            assert!(sim.faults().acted(id) > 0, "{told}");
            assert_eq!(slice(&outcome)["retries"], sim.faults().acted(id), "{told}");
            assert_eq!(sim.queries().len(), 1, "{told}");
        }
    }
}

/// A page that does not come takes the slice with it: a part must not look like the whole.
#[test]
fn pages_that_stay_away_are_a_failure() {
    let pages = || Fault::on("athena:GetQueryResults");
    for (fault, word) in [
        (pages().then(Action::Throttle), "throttled"),
        (pages().then(Action::Reset), "unreachable"),
        // When two pages are here already.
        (
            pages().every(3).error(400, "AccessDeniedException", "not you"),
            "denied",
        ),
        (
            pages()
                .every(3)
                .error(400, "InvalidRequestException", "Malformed nextPageToken"),
            "failed",
        ),
    ] {
        let sim = start(estate_with_pages());
        sim.faults().add(fault);
        let outcome = page(&sim).file("rows.json", "previous").inside();
        outcome.expect(4);
        let slice = slice(&outcome);
        assert_eq!((&slice["outcome"], &slice["rows"]), (&json!(word), &json!(0)));
        assert_eq!(slice["cause"]["operation"], "GetQueryResults");
        assert_eq!(outcome.output_bytes(), b"previous");
    }
}

/// Without an end, or with one that would look complete.
#[test]
fn a_page_that_names_itself_as_the_next_one_is_a_failure() {
    let cell = |text: &str| json!([{"VarCharValue": text}]);
    for rows in [vec![], vec![cell("n"), cell("1")]] {
        for workgroup in ["primary", "managed"] {
            let sim = start(estate_with_pages());
            sim.faults()
                .add(Fault::on("athena:GetQueryResults").then(answer(&["n"], &rows, Some("again"))));
            let outcome = page(&sim)
                .params(json!({"workgroup": workgroup}))
                .file("rows.json", "previous")
                .inside();
            outcome.expect(4);
            assert!(
                cause(&outcome).0.contains("a page names itself as the next page"),
                "{:?}",
                cause(&outcome)
            );
            assert_eq!(slice(&outcome)["rows"], 0);
            assert_eq!(outcome.output_bytes(), b"previous");
            assert_eq!(sent(&sim, "athena:GetQueryResults", "NextToken"), ["-", "again"]);
        }
    }
}

/// NULL is a cell without a value; an empty token is none.
#[test]
fn cells_of_a_page_are_taken_as_they_are() {
    let text = |text: &str| json!({"VarCharValue": text});
    let header = json!([text("a"), text("b")]);
    let sim = start(estate_with_pages());
    let id = sim.faults().add(Fault::on("athena:GetQueryResults").then(answer(
        &["a", "b"],
        &[
            header.clone(),
            json!([text("x"), {}]),
            json!([{}, text("")]),
            header.clone(),
        ],
        Some(""),
    )));
    let (_, table) = fetched(page(&sim), "api");
    assert_eq!(
        table.rows,
        [
            vec![json!("x"), Json::Null],
            vec![Json::Null, json!("")],
            vec![json!("a"), json!("b")]
        ]
    );
    sim.faults().remove(id);
    // A row that does not fit to the columns is not filled up.
    sim.faults().add(Fault::on("athena:GetQueryResults").then(answer(
        &["a", "b"],
        &[header, json!([text("x")])],
        None,
    )));
    let outcome = page(&sim).inside();
    outcome.expect(4);
    assert!(
        cause(&outcome)
            .0
            .contains("a row has 1 cells where the result has 2 columns"),
        "{:?}",
        cause(&outcome)
    );
}
