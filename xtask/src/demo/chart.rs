//! The bar chart: what 100 writes and 100 reads took, beside what they took in the article.

use std::{collections::BTreeMap, fmt::Write as _};

use super::page::escaped;
use crate::report::Comparison;

/// The article's 100 writes and 100 reads through AWS PrivateLink, in milliseconds.
const ARTICLE: [(&str, f64); 2] = [("writes", 410.26), ("reads", 323.97)];

/// Where bars begin, how long the longest is, and how high each is with its gap.
const LEFT: f64 = 190.0;
const LONGEST: f64 = 560.0;
const ROW: f64 = 24.0;

struct Bar {
    label: String,
    class: &'static str,
    ms: f64,
}

/// All bars on one scale: the article's first, then each client's by both ways.
pub(crate) fn svg(check: &BTreeMap<String, Comparison>) -> String {
    let bars = bars(check);
    let most = bars.iter().map(|bar| bar.ms).fold(1.0, f64::max);
    #[expect(clippy::cast_precision_loss, reason = "there are a dozen bars")]
    let height = ROW * bars.len() as f64 + 10.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 840 {height}\" role=\"img\" \
         aria-label=\"milliseconds for 100 calls\">\n"
    );
    let mut y = 5.0;
    for Bar { label, class, ms } in bars {
        let (middle, length) = (y + 14.0, (ms / most * LONGEST).max(1.0));
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{class}\" x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"18\" rx=\"2\"/>\
             <text x=\"{:.1}\" y=\"{middle}\">{ms:.2} ms</text>",
            LEFT - 8.0,
            escaped(&label),
            LEFT + length + 6.0,
        );
        y += ROW;
    }
    svg + "</svg>"
}

fn bars(check: &BTreeMap<String, Comparison>) -> Vec<Bar> {
    let mut bars: Vec<Bar> = ARTICLE
        .iter()
        .map(|(kind, ms)| Bar { label: format!("article, {kind}"), class: "article", ms: *ms })
        .collect();
    for (client, of) in check {
        let four = [
            ("public", "writes", of.public.writes_ms),
            ("private", "writes", of.private.writes_ms),
            ("public", "reads", of.public.reads_ms),
            ("private", "reads", of.private.reads_ms),
        ];
        bars.extend(four.map(|(class, kind, ms)| Bar {
            label: format!("{client}, {class} {kind}"),
            class,
            ms,
        }));
    }
    bars
}

/// Private ÷ public, by client.
pub(crate) fn table(check: &BTreeMap<String, Comparison>) -> String {
    let rows: String = check
        .iter()
        .map(|(client, of)| {
            format!(
                "<tr><td>{}</td><td class=\"number\">{:.3}</td><td class=\"number\">{:.3}</td></tr>\n",
                escaped(client),
                of.ratio_writes,
                of.ratio_reads
            )
        })
        .collect();
    let head = "<tr><th>private ÷ public</th><th>writes</th><th>reads</th></tr>";
    let rows =
        if rows.is_empty() { "<tr><td>not reached</td><td></td><td></td></tr>".to_owned() } else { rows };
    format!("<table>\n{head}\n{rows}</table>")
}
