//! Every ratio that has an interval: a point, its interval, and its goal.

use super::svg::{Anchor, BAD, Canvas, FAINT, GOOD, INK, SERIES};
use crate::results::{Report, Row};

const LABELS: f64 = 380.0;
const WIDTH: f64 = 960.0;
const LINE: f64 = 24.0;
const TOP: f64 = 40.0;
/// What does not fit is cut off here.
const MOST: f64 = 2.2;

/// A ratio as it is drawn.
struct Ratio<'a> {
    label: &'a str,
    value: f64,
    low: f64,
    high: f64,
    goal: Option<f64>,
    met: Option<bool>,
}

impl<'a> Ratio<'a> {
    /// A row that is a ratio and has an interval.
    fn of(row: &'a Row) -> Option<Self> {
        let (low, high) = row.interval.split_once('–')?;
        if !row.figure.contains('÷') && !row.figure.contains("over that") {
            return None;
        }
        Some(Self {
            label: &row.figure,
            value: row.value.parse().ok()?,
            low: low.parse().ok()?,
            high: high.parse().ok()?,
            goal: row.goal.split_once(' ').and_then(|(_, goal)| goal.parse().ok()),
            met: row.met,
        })
    }
}

pub(super) fn draw(reports: &[Report]) -> Option<String> {
    let ratios: Vec<Ratio<'_>> =
        reports.iter().flat_map(|report| &report.rows).filter_map(Ratio::of).collect();
    if ratios.is_empty() {
        return None;
    }
    let bottom = TOP + LINE * ratios.len() as f64;
    let mut canvas = Canvas::new(WIDTH, bottom + 50.0);
    let x = |value: f64| LABELS + (WIDTH - LABELS - 30.0) * value.clamp(0.0, MOST) / MOST;
    for tenths in (0..=(MOST * 10.0) as u32).step_by(2) {
        let value = f64::from(tenths) / 10.0;
        let width = if tenths == 10 { 2.0 } else { 1.0 };
        canvas.line((x(value), TOP - 10.0), (x(value), bottom), FAINT, width);
        canvas.text((x(value), TOP - 16.0), Anchor::Middle, &format!("{value:.1}"));
    }
    for (number, ratio) in ratios.iter().enumerate() {
        let y = TOP + LINE * (number as f64 + 0.5);
        let colour = match ratio.met {
            Some(true) => GOOD,
            Some(false) => BAD,
            None => SERIES[1],
        };
        canvas.text((LABELS - 14.0, y + 4.0), Anchor::End, ratio.label);
        canvas.line((x(ratio.low), y), (x(ratio.high), y), colour, 3.0);
        canvas.dot((x(ratio.value), y), colour);
        if let Some(goal) = ratio.goal {
            canvas.line((x(goal), y - 9.0), (x(goal), y + 9.0), INK, 2.0);
        }
    }
    let legend =
        "point: median; bar: 90 % interval; black mark: goal; green: met; red: not met; grey: no goal";
    canvas.text((WIDTH - 20.0, bottom + 30.0), Anchor::End, legend);
    Some(canvas.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(figure: &str, value: &str, interval: &str, goal: &str) -> Row {
        Row {
            figure: figure.to_owned(),
            value: value.to_owned(),
            interval: interval.to_owned(),
            goal: goal.to_owned(),
            met: Some(true),
            beside: String::new(),
        }
    }

    #[test]
    fn a_row_is_read_with_interval_and_goal() {
        let row = row("kura ÷ bare tonic, 8×8", "0.859", "0.838–0.899", "≤ 0.95");
        let ratio = Ratio::of(&row).map(|ratio| (ratio.value, ratio.low, ratio.high, ratio.goal));
        assert_eq!(ratio, Some((0.859, 0.838, 0.899, Some(0.95))));
    }

    #[test]
    fn what_is_no_ratio_or_has_no_interval_is_left_out() {
        assert!(Ratio::of(&row("bytes per item", "30.0", "", "≤ 40")).is_none());
        assert!(Ratio::of(&row("secured, ms", "20.0", "19.0–21.0", "≤ 30")).is_none());
        assert!(draw(&[]).is_none());
    }
}
