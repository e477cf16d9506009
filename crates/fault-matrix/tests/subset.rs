//! Some cells of the matrix in a few seconds: every operation and every fault is among them.

use fault_matrix::{some_cells, try_all};

#[test]
fn some_cells_are_as_declared() {
    let mut wrong = Vec::new();
    let cells = some_cells();
    assert!(cells.len() > 30);
    try_all(cells, 4, |cell, verdict| {
        wrong.extend(
            verdict
                .wrong
                .map(|why| format!("{}: {}\n{why}", cell.name(), verdict.became)),
        );
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
