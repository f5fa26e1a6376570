//! The few shapes that the pictures are made of.

use std::fmt::Write as _;

pub(super) const INK: &str = "#1f2328";
pub(super) const FAINT: &str = "#d0d7de";
pub(super) const GOOD: &str = "#1a7f37";
pub(super) const BAD: &str = "#cf222e";
pub(super) const SERIES: [&str; 4] = ["#0969da", "#8c959f", "#bf8700", "#8250df"];

/// Where a text stands in relation to its point.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A picture under way.
pub(super) struct Canvas {
    body: String,
    width: f64,
    height: f64,
}

impl Canvas {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { body: String::new(), width, height }
    }

    pub(super) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), colour: &str, width: f64) {
        writeln!(
            self.body,
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{colour}" stroke-width="{width}"/>"#
        )
        .ok();
    }

    pub(super) fn dot(&mut self, (x, y): (f64, f64), colour: &str) {
        writeln!(self.body, r#"<circle cx="{x:.1}" cy="{y:.1}" r="4" fill="{colour}"/>"#).ok();
    }

    pub(super) fn rectangle(&mut self, (x, y): (f64, f64), width: f64, height: f64, colour: &str) {
        writeln!(
            self.body,
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{colour}"/>"#
        )
        .ok();
    }

    pub(super) fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        writeln!(self.body, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#).ok();
    }

    pub(super) fn finish(self) -> String {
        let Self { body, width, height } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
             font-size=\"13\" fill=\"{INK}\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
             {body}</svg>\n"
        )
    }
}
