//! Values and pairs as they are given: on the command line or on standard input.

use std::io::Read;
use std::str::FromStr;

use crate::error::CliError;

/// Most bytes read from standard input: more than any service takes in one item.
const MAX_STDIN_BYTES: u64 = 64 * 1024 * 1024;

/// All of standard input, byte for byte.
pub(crate) fn stdin() -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(MAX_STDIN_BYTES + 1).read_to_end(&mut bytes);
    let read = read.map_err(|error| CliError::new(format!("failed to read standard input: {error}")))?;
    match read as u64 > MAX_STDIN_BYTES {
        true => Err(CliError::new(format!(
            "standard input has more than {MAX_STDIN_BYTES} bytes, which no item can have"
        ))),
        false => Ok(bytes),
    }
}

/// One value: the argument, or standard input.
#[derive(Debug, clap::Args)]
pub(crate) struct Value {
    /// The value
    #[arg(required_unless_present = "stdin", conflicts_with = "stdin")]
    value: Option<String>,
    /// Take the value from standard input, byte for byte
    #[arg(long)]
    stdin: bool,
}

impl Value {
    /// The one that was given; clap saw to it.
    pub(crate) fn read(self) -> Result<Vec<u8>, CliError> {
        self.value.map_or_else(stdin, |value| Ok(value.into_bytes()))
    }
}

/// Values: the arguments, or one from standard input.
#[derive(Debug, clap::Args)]
pub(crate) struct Values {
    /// The values, one or more
    #[arg(value_name = "VALUE", required_unless_present = "stdin", conflicts_with = "stdin")]
    values: Vec<String>,
    /// Take one value from standard input, byte for byte
    #[arg(long)]
    stdin: bool,
}

impl Values {
    /// Those that were given; clap saw to it.
    pub(crate) fn read(self) -> Result<Vec<Vec<u8>>, CliError> {
        match self.stdin {
            true => Ok(vec![stdin()?]),
            false => Ok(bytes(self.values)),
        }
    }
}

/// Arguments as bytes.
pub(crate) fn bytes(texts: Vec<String>) -> Vec<Vec<u8>> {
    texts.into_iter().map(String::into_bytes).collect()
}

/// `FIELD=VALUE`, divided at the first equals sign.
pub(crate) fn field_value(text: &str) -> Result<(String, String), String> {
    let (field, value) = text.split_once('=').ok_or("write FIELD=VALUE")?;
    Ok((field.to_owned(), value.to_owned()))
}

/// `VALUE=SCORE`, divided at the last equals sign.
pub(crate) fn value_score(text: &str) -> Result<(String, f64), String> {
    divided(text, "VALUE=SCORE", "score")
}

/// `ID=SCORE`.
pub(crate) fn id_score(text: &str) -> Result<(u32, f64), String> {
    let (id, score): (String, f64) = divided(text, "ID=SCORE", "score")?;
    Ok((
        id.parse()
            .map_err(|error| format!("the id {id:?} is no whole number up to {}: {error}", u32::MAX))?,
        score,
    ))
}

/// `SET=WEIGHT`, divided at the last equals sign, or `SET` of weight 1.
pub(crate) fn set_weight(text: &str) -> Result<(String, f32), String> {
    match text.contains('=') {
        true => divided(text, "SET=WEIGHT", "weight"),
        false => Ok((text.to_owned(), 1.0)),
    }
}

/// `BEGIN:COUNT`.
pub(crate) fn begin_count(text: &str) -> Result<(u32, u32), String> {
    let whole = |part: &str| part.parse().map_err(|error| format!("{part:?} is no whole number: {error}"));
    let (begin, count) = text.split_once(':').ok_or("write BEGIN:COUNT")?;
    Ok((whole(begin)?, whole(count)?))
}

fn divided<N: FromStr<Err: std::fmt::Display>>(
    text: &str,
    form: &str,
    what: &str,
) -> Result<(String, N), String> {
    let (name, number) = text.rsplit_once('=').ok_or_else(|| format!("write {form}"))?;
    let number = number.parse().map_err(|error| format!("the {what} {number:?} is no number: {error}"))?;
    Ok((name.to_owned(), number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_divided_where_they_say() {
        assert_eq!(field_value("a=b=c").unwrap(), ("a".into(), "b=c".into()));
        assert_eq!(value_score("a=b=-1.5e3").unwrap(), ("a=b".into(), -1500.0));
        assert_eq!(id_score("4294967295=2").unwrap(), (u32::MAX, 2.0));
        assert_eq!(set_weight("a").unwrap(), ("a".into(), 1.0));
        assert_eq!(set_weight("a=0.5").unwrap(), ("a".into(), 0.5));
        assert_eq!(begin_count("1:2").unwrap(), (1, 2));
    }

    #[test]
    fn what_is_no_pair_says_what_is_wrong() {
        assert_eq!(field_value("a").unwrap_err(), "write FIELD=VALUE");
        assert_eq!(value_score("a=b").unwrap_err(), "the score \"b\" is no number: invalid float literal");
        assert!(id_score("-1=2").unwrap_err().starts_with("the id \"-1\" is no whole number"));
        assert!(set_weight("a=").unwrap_err().starts_with("the weight \"\" is no number"));
        assert!(begin_count("1:-2").unwrap_err().starts_with("\"-2\" is no whole number"));
        assert_eq!(begin_count("1").unwrap_err(), "write BEGIN:COUNT");
    }
}
