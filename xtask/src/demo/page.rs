//! `target/demo/index.html`: the report as a picture. It needs nothing but itself, and every value in it is the
//! report's; beside them stand only the article's own two.

use anyhow::Result;

use super::{chart, topology};
use crate::report::Content;

/// The page for a report.
pub(crate) fn html(report: &Content) -> Result<String> {
    // In a script element only this could end it early.
    let json = serde_json::to_string(report)?.replace("</", "<\\/");
    let verdict = match (report.ok, &report.skipped) {
        (true, _) => "<p class=\"verdict good\">Every step held.</p>".to_owned(),
        (false, Some(why)) => format!("<p class=\"verdict bad\">It could not run here: {}</p>", escaped(why)),
        (false, None) => "<p class=\"verdict bad\">A step did not hold.</p>".to_owned(),
    };
    let topology = topology::svg(&report.seen);
    let seen = topology::table(&report.seen);
    let chart = chart::svg(&report.check);
    let ratios = chart::table(&report.check);
    let steps: String = report
        .steps
        .iter()
        .map(|step| {
            let (class, mark) = if step.ok { ("good", "held") } else { ("bad", "did not hold") };
            format!("<li>{} <span class=\"{class}\">{mark}</span></li>\n", escaped(&step.title))
        })
        .collect();
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Kura by private link</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>A cache by private link</h1>\n{verdict}\n\
         <h2>Which way the packets go</h2>\n{topology}\n{seen}\n\
         <h2>100 writes, then 100 reads</h2>\n{chart}\n{ratios}\n\
         <h2>Step by step</h2>\n<ol>\n{steps}</ol>\n\
         <script type=\"application/json\" id=\"report\">{json}</script>\n</body>\n</html>\n"
    ))
}

/// Text as it may stand in HTML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Whatever the reader's screen is set to.
const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1d2430; --paper: #fdfdfb; --line: #9aa3af; --box: #eef1f5;
  --public: #c2571a; --private: #1f6f8b; --good: #1a7f4b; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --paper: #14171c; --line: #6b7480; --box: #20262e;
  --public: #f0935a; --private: #6fc3df; --good: #5fd39a; --bad: #ff8a80; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
svg { width: 100%; height: auto; } svg text { font: 13px system-ui, sans-serif; fill: var(--ink); }
svg .small { font-size: 11.5px; } svg .box { fill: var(--box); stroke: var(--line); }
svg .net { fill: none; stroke: var(--line); stroke-dasharray: 5 4; }
.public { color: var(--public); } .private { color: var(--private); }
svg .public { fill: var(--public); } svg .private { fill: var(--private); } svg .article { fill: var(--line); }
svg path.public { fill: none; stroke: var(--public); stroke-width: 2.5; }
svg path.private { fill: none; stroke: var(--private); stroke-width: 2.5; }
svg path.shut { stroke-dasharray: 3 6; opacity: .75; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .25rem 1rem .25rem 0;
  border-bottom: 1px solid var(--line); } td.number { text-align: right; font-variant-numeric: tabular-nums; }
.verdict { font-size: 1.1rem; font-weight: 600; } .good { color: var(--good); } .bad { color: var(--bad); }
";

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, net::Ipv4Addr};

    use super::*;
    use crate::report::{Comparison, Seen, Step, Times};

    fn report() -> Content {
        let times = |writes_ms, reads_ms| Times { writes_ms, reads_ms };
        let momento = Comparison {
            public: times(11.13, 9.25),
            private: times(11.5, 9.75),
            ratio_writes: 1.034,
            ratio_reads: 1.054,
        };
        Content {
            ok: true,
            skipped: None,
            steps: vec![Step { n: 1, title: "a </script> & b".to_owned(), ok: true }],
            seen: Seen {
                resolved_before: Some(vec![Ipv4Addr::new(203, 0, 113, 77)]),
                resolved_after: Some(vec![Ipv4Addr::new(172, 31, 11, 59), Ipv4Addr::new(172, 31, 27, 59)]),
                public_reachable_before_lockdown: Some(true),
                public_reachable_after_lockdown: Some(false),
                private_reachable_after_lockdown: Some(true),
                packets_to_public_before_lockdown: Some(4711),
                packets_to_public_after_lockdown: Some(0),
                packets_refused_after_lockdown: Some(13),
            },
            check: BTreeMap::from([("momento".to_owned(), momento)]),
        }
    }

    #[test]
    fn every_value_of_the_report_is_on_the_page() {
        let page = html(&report()).unwrap();
        let drawn = page.split("<script").next().unwrap();
        for value in ["203.0.113.77", "172.31.11.59", "172.31.27.59", "4711", "13", "1.034", "1.054"] {
            assert!(drawn.contains(value), "{value}");
        }
        for value in ["11.13", "11.50", "9.25", "9.75", "410.26", "323.97"] {
            assert!(drawn.contains(value), "{value}");
        }
    }

    #[test]
    fn the_page_needs_nothing_else() {
        let page = html(&report()).unwrap();
        for outside in ["http://", "https://", "src=", "href=", "url(", "@import"] {
            let fetched = page.replace("http://www.w3.org/2000/svg", "").contains(outside);
            assert!(!fetched, "{outside}");
        }
    }

    #[test]
    fn the_report_inside_can_be_read_and_no_title_breaks_out() {
        let page = html(&report()).unwrap();
        let (_, json) = page.split_once("id=\"report\">").unwrap();
        let (json, rest) = json.split_once("</script>").unwrap();
        assert!(rest.trim().starts_with("</body>"), "{rest}");
        let read: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(read, serde_json::to_value(report()).unwrap());
        assert!(page.contains("a &lt;/script&gt; &amp; b"));
    }

    #[test]
    fn a_report_of_nothing_makes_a_page_too() {
        let page = html(&Content { skipped: Some("x is 0".to_owned()), ..Content::default() }).unwrap();
        assert!(page.contains("could not run here: x is 0") && page.contains("not reached"));
    }
}
