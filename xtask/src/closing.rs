//! The last words of test runners, repeated in the summary.

/// What a stage's runners said at their end.
pub(crate) fn closing_lines(lines: &[String]) -> Vec<String> {
    let mut closing = Vec::new();
    closing.extend(cargo_test(lines));
    closing.extend(
        lines
            .iter()
            .filter(|line| is_pytest(line) || is_node(line) || is_schemathesis(line))
            .map(|line| line.trim().to_owned()),
    );
    closing
}

/// `cargo test` ends one line per test program: their sum.
fn cargo_test(lines: &[String]) -> Option<String> {
    let results: Vec<&str> =
        lines.iter().filter_map(|line| line.trim().strip_prefix("test result: ")).collect();
    if results.is_empty() {
        return None;
    }
    let sum = |what: &str| -> u64 { results.iter().filter_map(|result| count(result, what)).sum() };
    let verdict = if results.iter().all(|result| result.starts_with("ok")) { "ok" } else { "FAILED" };
    Some(format!(
        "test result: {verdict}. {} passed; {} failed; {} ignored; {} filtered out, in {} test programs",
        sum("passed"),
        sum("failed"),
        sum("ignored"),
        sum("filtered out"),
        results.len(),
    ))
}

/// The number before `what` in `ok. 3 passed; 0 failed; …`.
fn count(result: &str, what: &str) -> Option<u64> {
    let part = result.split([';', '.']).map(str::trim).find(|part| part.ends_with(what))?;
    part.split_whitespace().next()?.parse().ok()
}

/// `==== 12 passed in 3.45s ====`, or the same without the rule.
fn is_pytest(line: &str) -> bool {
    let text = line.trim().trim_matches('=').trim();
    let counts = ["passed", "failed", "error", "errors", "skipped"];
    text.contains(" in ")
        && text.split([' ', ',']).any(|word| counts.contains(&word))
        && text.ends_with(['s', ')'])
        && text.starts_with(|c: char| c.is_ascii_digit())
}

/// `# pass 12` or `ℹ pass 12`, as `node --test` ends.
fn is_node(line: &str) -> bool {
    let Some(rest) = line.trim().strip_prefix(['#', 'ℹ']) else { return false };
    let mut words = rest.split_whitespace();
    let name = words.next();
    let number = words.next().is_some_and(|word| word.parse::<u64>().is_ok());
    matches!(name, Some("tests" | "pass" | "fail" | "skipped" | "todo")) && number && words.next().is_none()
}

/// `1302 generated, 1302 passed, 26 skipped`.
fn is_schemathesis(line: &str) -> bool {
    line.contains(" generated, ") && line.trim().starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closing(text: &str) -> Vec<String> {
        closing_lines(&text.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn test_programs_are_summed() {
        let text = "running 3 tests\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 4 filtered out; finished in 1.20s";
        let sum = "test result: FAILED. 4 passed; 2 failed; 1 ignored; 4 filtered out, in 2 test programs";
        assert_eq!(closing(text), [sum]);
    }

    #[test]
    fn pytest_and_node_are_quoted() {
        let text = "collected 12 items\n=== 11 passed, 1 skipped in 3.45s ===\n";
        assert_eq!(closing(text), ["=== 11 passed, 1 skipped in 3.45s ==="]);
        assert_eq!(closing("11 passed in 65.10s (0:01:05)"), ["11 passed in 65.10s (0:01:05)"]);
        assert_eq!(
            closing("# tests 4\n# pass 4\n# fail 0\n# duration_ms 12"),
            ["# tests 4", "# pass 4", "# fail 0"]
        );
        assert_eq!(closing("# a remark\nfinished in 3s"), Vec::<String>::new());
    }
}
