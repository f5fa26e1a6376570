//! Why a change was refused, as EC2 words it.

/// A refusal: AWS's code, and a text with the value that was wrong.
///
/// Codes and texts are from botocore's models and from public reports that quote AWS's answers; where neither was
/// found, the closest documented code stands with a text of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Error {
    /// Such as `InvalidVpcID.NotFound`.
    pub code: &'static str,
    pub message: String,
}

impl Error {
    /// A refusal with AWS's code.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}
