//! stub
use crate::report::Content;
use anyhow::Result;
pub(crate) fn html(_: &Content) -> Result<String> {
    Ok(String::new())
}
