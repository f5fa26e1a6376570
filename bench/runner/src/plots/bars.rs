//! Hit ratios: for each trace Kura's, and what each policy would have had.

use serde_json::Value;

use super::svg::{Anchor, Canvas, FAINT, INK, SERIES};
use crate::results::Report;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 50.0;
/// The hit ratio at the lower edge: below, all bars are alike.
const LEAST: f64 = 0.5;

pub(super) fn draw(report: &Report) -> Option<String> {
    let traces: Vec<Trace<'_>> = report.raw.as_array()?.iter().filter_map(Trace::of).collect();
    let policies: Vec<&str> = traces.first()?.ratios.iter().map(|(name, _)| *name).collect();
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    let y = |ratio: f64| {
        let share = (ratio - LEAST).max(0.0) / (1.0 - LEAST);
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
    };
    for tenths in 5..=10 {
        let ratio = f64::from(tenths) / 10.0;
        canvas.line((LEFT, y(ratio)), (WIDTH - 20.0, y(ratio)), FAINT, 1.0);
        canvas.text((LEFT - 10.0, y(ratio) + 4.0), Anchor::End, &format!("{ratio:.1}"));
    }
    for (number, name) in policies.iter().enumerate() {
        let left = LEFT + 180.0 * number as f64;
        canvas.rectangle((left, TOP - 36.0), 12.0, 12.0, SERIES[number % SERIES.len()]);
        canvas.text((left + 18.0, TOP - 25.0), Anchor::Start, name);
    }
    let each = (WIDTH - LEFT - 20.0) / traces.len() as f64;
    let bar = each * 0.8 / policies.len() as f64;
    for (number, trace) in traces.iter().enumerate() {
        let left = LEFT + each * (number as f64 + 0.1);
        for (place, (_, ratio)) in trace.ratios.iter().enumerate() {
            let at = left + bar * place as f64;
            let top = y(*ratio);
            canvas.rectangle((at, top), bar - 4.0, HEIGHT - BOTTOM - top, SERIES[place % SERIES.len()]);
            canvas.text((at + bar / 2.0 - 2.0, top - 5.0), Anchor::Middle, &format!("{ratio:.3}"));
        }
        canvas.text((left + each * 0.4, HEIGHT - BOTTOM + 20.0), Anchor::Middle, trace.name);
    }
    canvas.line((LEFT, HEIGHT - BOTTOM), (WIDTH - 20.0, HEIGHT - BOTTOM), INK, 1.0);
    Some(canvas.finish())
}

/// One trace's hit ratios by who had them, Kura's first.
struct Trace<'a> {
    name: &'a str,
    ratios: Vec<(&'a str, f64)>,
}

impl<'a> Trace<'a> {
    /// Of an entry of the raw figures; none for one that compares nothing.
    fn of(raw: &'a Value) -> Option<Self> {
        let kura = ("kura", raw["kura"].as_f64()?);
        let others = raw["policies"].as_object()?;
        let others = others.iter().filter_map(|(name, ratio)| Some((name.as_str(), ratio.as_f64()?)));
        Some(Self { name: raw["trace"].as_str()?, ratios: std::iter::once(kura).chain(others).collect() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_compared_is_drawn_and_kura_comes_first() {
        let raw = json!({ "trace": "shifting", "kura": 0.85, "policies": { "LRU": 0.83 } });
        let read = Trace::of(&raw).map(|trace| (trace.name, trace.ratios));
        assert_eq!(read, Some(("shifting", vec![("kura", 0.85), ("LRU", 0.83)])));
        assert!(Trace::of(&json!({ "requests": 2_000_000, "run": {} })).is_none(), "the trace over the wire");
    }
}
