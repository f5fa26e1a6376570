//! Why a request was refused before a stack was touched, as CloudFormation words it.

/// A refusal: AWS's code, and a text that names the value that was wrong.
///
/// Codes are those of botocore's CloudFormation model; whatever has none there is `ValidationError`, as on AWS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Error {
    /// Such as `ValidationError`.
    pub code: &'static str,
    pub message: String,
}

impl Error {
    /// A refusal with AWS's code.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// A `ValidationError`: most refusals are.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationError", message)
    }

    /// The HTTP status AWS answers with.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.code {
            "ChangeSetNotFound" | "StackNotFoundException" => 404,
            "InternalFailure" => 500,
            _ => 400,
        }
    }
}

impl From<kura_model::Error> for Error {
    /// Only what could not be written gets here: a resource's refusal becomes an event of its stack.
    fn from(error: kura_model::Error) -> Self {
        match error.code {
            "InternalError" => Self::new("InternalFailure", error.message),
            code => Self::new(code, error.message),
        }
    }
}
