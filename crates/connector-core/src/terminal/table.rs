//! Tables on a terminal.

use comfy_table::{ContentArrangement, Table, presets};

use super::foreign::harmless;

/// A table without frames, no wider than `width` columns; ends in a line break.
pub fn table(width: usize, head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX))
        .set_header(head.iter().copied());
    for row in rows {
        table.add_row(row.iter().map(|cell| harmless(cell)));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_plain_text_in_columns() {
        let text = table(80, &["account", "rows"], [vec!["1".to_owned(), "22".to_owned()]]);
        assert_eq!(text, " account  rows\n 1        22\n");
    }
}
