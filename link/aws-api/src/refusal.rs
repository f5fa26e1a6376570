//! Why a request was refused: AWS's code, its HTTP status, and a text.

use std::borrow::Cow;

/// A refusal, before it is written in the words of one protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    pub code: Cow<'static, str>,
    pub message: String,
}

/// What an action answers: the inside of its response, or a refusal.
pub type Answer<T = crate::xml::Xml> = Result<T, Refusal>;

impl Refusal {
    /// A refusal with the status AWS gives most: 400.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.into(), message: message.into() }
    }

    /// A refusal with another status.
    pub fn with_status(status: u16, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into() }
    }

    /// A parameter's value cannot be understood or is out of bounds.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValue", message)
    }

    /// Parameters that do not go together.
    pub fn combination(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterCombination", message)
    }

    /// A parameter that must be there is not.
    pub fn missing(name: &str) -> Self {
        Self::new("MissingParameter", format!("The request must contain the parameter {name}"))
    }

    /// AWS has it, this has not.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new("UnsupportedOperation", message)
    }
}

impl From<kura_model::Error> for Refusal {
    fn from(error: kura_model::Error) -> Self {
        let status = match error.code {
            "InternalError" => 500,
            "UnauthorizedOperation" => 403,
            _ => 400,
        };
        Self { status, code: error.code.into(), message: error.message }
    }
}
