//! What the ratio to bare tonic becomes as items, caches and connections grow.

use serde::Deserialize;

use super::svg::{Anchor, Canvas, FAINT, INK, SERIES};
use crate::growth::Point;
use crate::results::Report;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 60.0;
/// The ratios at the lower and the upper edge.
const EDGES: (f64, f64) = (0.4, 1.4);
/// The decades across.
const DECADES: f64 = 7.0;

pub(super) fn draw(report: &Report) -> Option<String> {
    let points = Vec::<Point>::deserialize(&report.raw).ok()?;
    let base = points.first()?.estimate.median;
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    let x = |count: f64| LEFT + (WIDTH - LEFT - RIGHT) * count.max(1.0).log10() / DECADES;
    let y = |ratio: f64| {
        let share = (ratio.clamp(EDGES.0, EDGES.1) - EDGES.0) / (EDGES.1 - EDGES.0);
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
    };
    for decade in 0..=DECADES as i32 {
        let at = x(10_f64.powi(decade));
        canvas.line((at, TOP), (at, HEIGHT - BOTTOM), FAINT, 1.0);
        let label = ["1", "10", "100", "1 k", "10 k", "100 k", "1 M", "10 M"][decade as usize];
        canvas.text((at, HEIGHT - BOTTOM + 20.0), Anchor::Middle, label);
    }
    for tenths in (4..=14).step_by(2) {
        let ratio = f64::from(tenths) / 10.0;
        canvas.line((LEFT, y(ratio)), (WIDTH - RIGHT, y(ratio)), FAINT, 1.0);
        canvas.text((LEFT - 10.0, y(ratio) + 4.0), Anchor::End, &format!("{ratio:.1}"));
    }
    let limit = base * crate::growth::GOAL;
    canvas.line((LEFT, y(limit)), (WIDTH - RIGHT, y(limit)), INK, 2.0);
    canvas.text((WIDTH - RIGHT, y(limit) - 6.0), Anchor::End, "goal: 1.25 × the ratio at 8×8");
    for (number, axis) in ["items", "caches", "connections"].into_iter().enumerate() {
        let mut along: Vec<&Point> =
            points.iter().filter(|point| point.axes.iter().any(|name| name == axis)).collect();
        let count = |point: &Point| f64::from(point.count(axis));
        along.sort_by(|a, b| count(a).total_cmp(&count(b)));
        let colour = SERIES[[0, 2, 3][number]];
        for pair in along.windows(2) {
            let at = |point: &Point| (x(count(point)), y(point.estimate.median));
            canvas.line(at(pair[0]), at(pair[1]), colour, 2.0);
        }
        for point in along {
            let at = x(count(point));
            canvas.line((at, y(point.estimate.low)), (at, y(point.estimate.high)), colour, 3.0);
            canvas.dot((at, y(point.estimate.median)), colour);
        }
        let left = LEFT + 150.0 * number as f64;
        canvas.dot((left, TOP - 24.0), colour);
        canvas.text((left + 10.0, TOP - 20.0), Anchor::Start, axis);
    }
    canvas.text(
        (LEFT, HEIGHT - 12.0),
        Anchor::Start,
        "how many; upright: kura's CPU per operation ÷ bare tonic's",
    );
    Some(canvas.finish())
}
