//! The files under `~/.momento`: read as the official command line reads them, changed line by
//! line so that comments and other profiles stay as they are.

/// The section of keys that stand before any other.
const DEFAULT_SECTION: &str = "default";

/// The value of `key` in `section`; the last one counts.
///
/// `=` or `:` ends a key, `;` or `#` starts a comment anywhere, names are case-sensitive.
pub(crate) fn get<'a>(text: &'a str, section: &str, key: &str) -> Option<&'a str> {
    let mut current = DEFAULT_SECTION;
    let mut found = None;
    for line in text.lines() {
        match read(line) {
            Line::Section(name) => current = name,
            Line::Pair(name, value) if current == section && name == key => found = Some(value),
            Line::Pair(..) | Line::Other => {}
        }
    }
    found
}

/// Whether `value` would be read back as it is.
pub(crate) fn can_hold(value: &str) -> bool {
    value.trim() == value && !value.contains([';', '#', '\n', '\r'])
}

/// `text` with `section` holding `pairs`, and no other value for the keys in `owned`.
pub(crate) fn set(text: &str, section: &str, owned: &[&str], pairs: &[(&str, &str)]) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut current = DEFAULT_SECTION.to_owned();
    // Where new lines go: after the last line of the section that is not blank.
    let mut insert_at = None;
    for line in text.lines() {
        match read(line) {
            Line::Section(name) => current = name.to_owned(),
            Line::Pair(name, _) if current == section && owned.contains(&name) => {
                insert_at = insert_at.or(Some(lines.len()));
                continue;
            }
            Line::Pair(..) | Line::Other => {}
        }
        lines.push(line.to_owned());
        let is_header = matches!(read(line), Line::Section(_));
        if current == section && !line.trim().is_empty() && (is_header || insert_at.is_some()) {
            insert_at = Some(lines.len());
        }
    }
    let at = insert_at.unwrap_or_else(|| {
        if lines.last().is_some_and(|last| !last.trim().is_empty()) {
            lines.push(String::new());
        }
        lines.push(format!("[{section}]"));
        lines.len()
    });
    let new = pairs.iter().map(|(key, value)| format!("{key}={value}"));
    lines.splice(at..at, new);
    lines.join("\n") + "\n"
}

enum Line<'a> {
    Section(&'a str),
    Pair(&'a str, &'a str),
    Other,
}

fn read(line: &str) -> Line<'_> {
    let line = line.split([';', '#']).next().unwrap_or_default().trim();
    if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return Line::Section(name.trim());
    }
    match line.split_once(['=', ':']) {
        Some((key, value)) => Line::Pair(key.trim(), value.trim()),
        None => Line::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        "; mine\n[default]\ntoken = abc== ; note\n\n[Other]\napi_key_v2=k\nendpoint: http://h:1\n";

    #[test]
    fn values_are_found_as_users_write_them() {
        assert_eq!(get(FILE, "default", "token"), Some("abc=="));
        assert_eq!(get(FILE, "Other", "endpoint"), Some("http://h:1"));
        assert_eq!(get(FILE, "other", "endpoint"), None);
        assert_eq!(get(FILE, "default", "endpoint"), None);
        assert_eq!(get("token=a\ntoken=b", "default", "token"), Some("b"));
        assert_eq!(get("[x]\ntoken=", "x", "token"), Some(""));
    }

    #[test]
    fn a_change_keeps_everything_else() {
        let owned = ["token", "api_key_v2", "endpoint"];
        assert_eq!(
            set(FILE, "default", &owned, &[("api_key_v2", "n"), ("endpoint", "h")]),
            "; mine\n[default]\napi_key_v2=n\nendpoint=h\n\n[Other]\napi_key_v2=k\nendpoint: http://h:1\n"
        );
        assert_eq!(
            set(FILE, "Other", &owned, &[("token", "t")]),
            "; mine\n[default]\ntoken = abc== ; note\n\n[Other]\ntoken=t\n"
        );
        assert_eq!(set(FILE, "new", &owned, &[("token", "t")]), format!("{FILE}\n[new]\ntoken=t\n"));
        assert_eq!(set("", "default", &owned, &[("token", "t")]), "[default]\ntoken=t\n");
        assert_eq!(
            set("[a]\nx=1\ntoken=o\ny=2\n", "a", &owned, &[("token", "t")]),
            "[a]\nx=1\ny=2\ntoken=t\n"
        );
    }

    #[test]
    fn what_is_set_is_read_back() {
        for text in ["", FILE, "[a]", "x=1", "[a]\n[a]\ntoken=1"] {
            let changed = set(text, "a", &["token"], &[("token", "t")]);
            assert_eq!(get(&changed, "a", "token"), Some("t"), "{changed}");
            assert_eq!(set(&changed, "a", &["token"], &[("token", "t")]), changed);
        }
        assert!(can_hold("my cache") && !can_hold("a#b") && !can_hold("a\nb") && !can_hold(" a"));
    }
}
