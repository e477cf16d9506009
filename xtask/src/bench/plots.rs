//! The plots of the page: a bar for each program, for time, CPU and memory side by side.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::backend::SVGBackend;
use plotters::drawing::{DrawingArea, IntoDrawingArea as _};
use plotters::element::{Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, IntoFont as _, RGBColor, ShapeStyle, TextStyle};

use super::page;
use super::results::{Comparison, Row};

const OURS: RGBColor = RGBColor(0x1b, 0x6c, 0xa8);
const OTHERS: RGBColor = RGBColor(0x9a, 0xa5, 0xb1);
const TEXT: RGBColor = RGBColor(0x33, 0x3d, 0x47);
/// In pixels.
const LINE: i32 = 26;
const LABELS: i32 = 230;
const PANEL: i32 = 200;
/// Of a panel, for the figure behind the longest bar.
const FIGURES: i32 = 72;
const HEAD: i32 = 44;
/// Of the letters; the backend makes 13 pixels of it.
const SIZE: i32 = 16;

/// The figure of a program, and how it is written.
type Figure = (fn(&Row) -> Option<f64>, fn(f64) -> String);

const PANELS: [(&str, Figure); 3] = [
    ("wall", (Row::wall, page::seconds)),
    ("CPU", (Row::cpu, page::seconds)),
    ("peak memory", (Row::memory, page::mebibytes)),
];

/// Whether there is anything to compare.
pub(super) fn is_wanted(comparison: &Comparison) -> bool {
    let measured = || comparison.rows.iter().filter(|row| !row.runs.is_empty());
    measured().any(|row| row.ours) && measured().any(|row| !row.ours)
}

/// Writes the plot of a comparison.
pub(super) fn write(comparison: &Comparison, path: &Path) -> Result<()> {
    draw(comparison, path).map_err(|error| anyhow!("cannot draw {}: {error}", path.display()))
}

fn draw(comparison: &Comparison, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let rows: Vec<_> = comparison.rows.iter().filter(|row| !row.runs.is_empty()).collect();
    let count = i32::try_from(rows.len())?;
    let size = (LABELS + 3 * PANEL, HEAD + count * LINE + 8);
    let size = (u32::try_from(size.0)?, u32::try_from(size.1)?);
    let area = SVGBackend::new(path, size).into_drawing_area();
    area.fill(&RGBColor(0xff, 0xff, 0xff))?;
    let write = |text: String, at: (i32, i32), horizontal: HPos| {
        let style: TextStyle<'_> = ("sans-serif", SIZE).into_font().color(&TEXT);
        area.draw(&Text::new(text, at, style.pos(Pos::new(horizontal, VPos::Center))))
    };
    write(
        format!("{} (scales are logarithmic)", comparison.title),
        (8, 12),
        HPos::Left,
    )?;
    for (line, row) in (0..).zip(&rows) {
        write(row.program.clone(), (LABELS - 8, middle(line)), HPos::Right)?;
    }
    for (panel, (name, (figure, written))) in (0..).zip(PANELS) {
        let left = LABELS + panel * PANEL;
        write(name.to_owned(), (left, HEAD - 12), HPos::Left)?;
        let figures: Vec<_> = rows.iter().map(|row| figure(row).unwrap_or_default()).collect();
        for ((line, row), figure) in (0..).zip(&rows).zip(&figures) {
            let length = (share(*figure, &figures) * f64::from(PANEL - FIGURES)) as i32;
            bar(&area, (left, middle(line)), length, row)?;
            let about = if row.factor == 1.0 { "" } else { "≈ " };
            write(
                format!("{about}{}", written(*figure)),
                (left + length + 5, middle(line)),
                HPos::Left,
            )?;
        }
    }
    area.present()?;
    Ok(())
}

fn middle(line: i32) -> i32 {
    HEAD + line * LINE + LINE / 2
}

fn bar(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    (left, middle): (i32, i32),
    length: i32,
    row: &Row,
) -> Result<(), Box<dyn std::error::Error>> {
    let (color, half) = (if row.ours { OURS } else { OTHERS }, LINE / 2 - 5);
    let style = if row.factor == 1.0 {
        color.filled()
    } else {
        // Not measured at this size.
        ShapeStyle::from(&color.mix(0.5)).filled()
    };
    area.draw(&Rectangle::new(
        [(left, middle - half), (left + length, middle + half)],
        style,
    ))?;
    Ok(())
}

/// How much of the room a bar takes, between a twentieth for the smallest figure and all of it for the largest.
fn share(figure: f64, all: &[f64]) -> f64 {
    let positive = || all.iter().copied().filter(|figure| *figure > 0.0);
    let (least, most) = (positive().fold(f64::INFINITY, f64::min), positive().fold(0.0, f64::max));
    if figure <= 0.0 || least >= most {
        return if figure > 0.0 { 1.0 } else { 0.0 };
    }
    0.05 + 0.95 * (figure / least).ln() / (most / least).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_on_a_logarithmic_scale() {
        let all = [0.0, 1.0, 10.0, 100.0];
        let shares = all.map(|figure| (share(figure, &all) * 1000.0).round());
        assert_eq!(shares, [0.0, 50.0, 525.0, 1000.0]);
        assert_eq!(share(3.0, &[3.0]), 1.0);
    }
}
