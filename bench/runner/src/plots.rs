//! Pictures of the figures: self-contained SVG, made from the same reports as the tables.

mod bars;
mod curves;
mod intervals;
mod svg;

use crate::results::Report;

/// A picture beside the reports.
pub(crate) struct Plot {
    /// Its file's name.
    pub(crate) file: &'static str,
    /// What it shows.
    pub(crate) title: &'static str,
    /// The picture.
    pub(crate) svg: String,
}

/// All pictures that the reports have figures for.
pub(crate) fn draw(reports: &[Report]) -> Vec<Plot> {
    let plot = |file, title, svg: Option<String>| svg.map(|svg| Plot { file, title, svg });
    let find = |name: &str| reports.iter().find(|report| report.name == name);
    [
        plot("ratios.svg", "Ratios with their 90 % intervals and goals", intervals::draw(reports)),
        plot("growth.svg", "Cost over bare tonic as work grows", find("growth").and_then(curves::draw)),
        plot("hit-ratio.svg", "Hit ratios beside simulated policies", find("hit-ratio").and_then(bars::draw)),
    ]
    .into_iter()
    .flatten()
    .collect()
}
