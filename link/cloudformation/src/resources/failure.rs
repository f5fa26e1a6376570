//! Why a resource could not be made, as it stands in the stack's events.

/// A resource's failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The template's fault, found before anything was asked for.
    Properties(String),
    /// A service refused.
    Refused { service: &'static str, code: String, message: String },
    /// Nothing more can be written down: the operation stops where it is.
    Broken(String),
}

impl Failure {
    /// EC2 refused.
    pub(crate) fn ec2(code: &str, message: impl Into<String>) -> Self {
        Self::Refused { service: "Ec2", code: code.to_owned(), message: message.into() }
    }

    /// Elastic Load Balancing refused.
    pub(crate) fn elb(code: &str, message: impl Into<String>) -> Self {
        Self::Refused { service: "ElasticLoadBalancingV2", code: code.to_owned(), message: message.into() }
    }

    /// A property AWS has and the link has not.
    pub(crate) fn unsupported(name: &str, why: &str) -> Self {
        Self::Properties(format!("Property {name} is not supported here: {why}"))
    }

    /// Whether something uses what was to be deleted.
    pub(crate) fn is_in_use(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "DependencyViolation" || code == "ResourceInUse")
    }

    /// The event's reason. The two tokens are drawn by the caller.
    pub(crate) fn reason(&self, request: &str, token: &str) -> String {
        match self {
            Self::Properties(message) | Self::Broken(message) => message.clone(),
            Self::Refused { service, code, message } => format!(
                "Resource handler returned message: \"{message} (Service: {service}, Status Code: 400, Request ID: {request})\" (RequestToken: {token}, HandlerErrorCode: {})",
                handler_error_code(code)
            ),
        }
    }
}

/// CloudFormation's word for a service's code; those of the registry's contract for handlers.
fn handler_error_code(code: &str) -> &'static str {
    if code.contains("NotFound") || code.ends_with("NotExist") {
        "NotFound"
    } else if code.contains("Duplicate")
        || code.contains("AlreadyExists")
        || code.contains("AlreadyAssociated")
    {
        "AlreadyExists"
    } else if code.contains("LimitExceeded") || code.contains("TooMany") {
        "ServiceLimitExceeded"
    } else if code.starts_with("Unauthorized") || code == "AuthFailure" || code == "OperationNotPermitted" {
        "AccessDenied"
    } else if code == "InternalError" {
        "GeneralServiceException"
    } else {
        "InvalidRequest"
    }
}
