//! What `--verbose` shows of a connection: the lines the article reads the private address from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The words a command line's `--verbose` must have said for `cell`, in one line each; the first that is missing.
pub(crate) fn missing(lines: &[String], cell: &str) -> Option<String> {
    let said = |words: &str| lines.iter().any(|line| is_debug(line) && line.contains(words));
    let fixed = [
        format!(
            "connecting to cache endpoint: \"https://cache.{cell}\", \
             connecting to control endpoint: \"https://control.{cell}\""
        ),
        format!("resolving host=\"cache.{cell}\""),
    ];
    if let Some(words) = fixed.into_iter().find(|words| !said(words)) {
        return Some(words);
    }
    ["connecting to ", "connected to "]
        .into_iter()
        .find(|words| !addressed(lines, words))
        .map(|words| format!("{words}<ip>:443"))
}

/// The addresses of the connections that were made to port 443.
pub(crate) fn connected(lines: &[String]) -> Vec<Ipv4Addr> {
    let addresses = lines.iter().filter_map(|line| address_after(line, "connected to "));
    addresses.filter_map(|address| if let IpAddr::V4(ip) = address { Some(ip) } else { None }).collect()
}

/// Whether a line says `words` and then an address with port 443.
fn addressed(lines: &[String], words: &str) -> bool {
    lines.iter().any(|line| address_after(line, words).is_some())
}

/// The address behind `words`, if the line is one of the log and says them and port 443.
fn address_after(line: &str, words: &str) -> Option<IpAddr> {
    let (_, text) = line.split_once("] ").filter(|_| is_debug(line))?;
    let address: SocketAddr = text.strip_prefix(words)?.trim().parse().ok()?;
    (address.port() == 443).then(|| address.ip())
}

/// `[2023-09-15T01:33:17Z DEBUG some::module] …`
fn is_debug(line: &str) -> bool {
    let Some((head, _)) = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) else { return false };
    let Some((time, module)) = head.split_once(" DEBUG ") else { return false };
    let is_time = |c: char| c.is_ascii_digit() || "TZ:-".contains(c);
    let is_module = |c: char| c.is_ascii_lowercase() || c == '_' || c == ':';
    !time.is_empty() && time.chars().all(is_time) && !module.is_empty() && module.chars().all(is_module)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARTICLE: &str = r#"[2023-09-15T01:33:17Z DEBUG momento::simple_cache_client] connecting to cache endpoint: "https://cache.c.d", connecting to control endpoint: "https://control.c.d"
[2023-09-15T01:33:17Z DEBUG hyper::client::connect::dns] resolving host="cache.c.d"
[2023-09-15T01:33:17Z DEBUG hyper::client::connect::http] connecting to 172.31.11.59:443
[2023-09-15T01:33:17Z DEBUG hyper::client::connect::http] connected to 172.31.11.59:443"#;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_articles_own_lines_are_complete() {
        assert_eq!(missing(&lines(ARTICLE), "c.d"), None);
        assert_eq!(connected(&lines(ARTICLE)), [Ipv4Addr::new(172, 31, 11, 59)]);
    }

    #[test]
    fn each_line_is_needed() {
        let all = lines(ARTICLE);
        for left_out in 0..all.len() {
            let mut some = all.clone();
            some.remove(left_out);
            assert!(missing(&some, "c.d").is_some(), "line {left_out}");
        }
        assert!(missing(&all, "other.cell").is_some());
    }

    #[test]
    fn colours_and_other_levels_do_not_count() {
        assert!(!is_debug("\u{1b}[0m[2023-09-15T01:33:17Z DEBUG a] x"));
        assert!(!is_debug("[2023-09-15T01:33:17Z INFO a] x"));
    }
}
