//! `Fn::Sub`: the names in a text.

use crate::{
    Error,
    template::{Key, Node, Value, wrong},
};

const ARGUMENTS: &str = "One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string";

/// A text and the names it brings along.
pub(crate) type Arguments<'a> = (&'a str, &'a [(Key, Node)]);

/// What `Fn::Sub` is given.
pub(crate) fn arguments(argument: &Node) -> Result<Arguments<'_>, Error> {
    let text = |node: &Node| matches!(node.value, Value::String(_));
    match (&argument.value, argument.list()) {
        (Value::String(text), _) => Ok((text, &[])),
        (_, Some([first, second])) if text(first) => match (&first.value, second.map()) {
            (Value::String(text), Some(own)) => Ok((text, own)),
            _ => Err(wrong(second, ARGUMENTS)),
        },
        _ => Err(wrong(argument, ARGUMENTS)),
    }
}

/// The names a text asks for.
pub(crate) fn variables(text: &str) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    replace(text, |name| {
        names.push(name.to_owned());
        Ok(String::new())
    })?;
    Ok(names)
}

/// The text with every `${name}` replaced; `${!name}` is `${name}` as it stands.
pub(crate) fn replace(
    text: &str,
    mut value: impl FnMut(&str) -> Result<String, Error>,
) -> Result<String, Error> {
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        made.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            made.push_str("${");
            rest = after;
            continue;
        };
        match name.strip_prefix('!') {
            Some(literal) => {
                made.push_str("${");
                made.push_str(literal);
                made.push('}');
            }
            None => {
                let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':');
                if name.is_empty() || !name.bytes().all(fits) {
                    return Err(Error::validation(format!(
                        "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons; found '{name}'"
                    )));
                }
                made.push_str(&value(name)?);
            }
        }
        rest = behind;
    }
    made.push_str(rest);
    Ok(made)
}
