//! From an HTTP request to an HTTP response.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header, request::Parts};
use kura_model::{AccountId, Cloud, plan::Health};

use crate::{
    call::Call,
    cloudformation, ec2, elbv2, guard,
    keys::{Caller, Keys},
    query::Params,
    refusal::{Answer, Refusal},
    signature::{Authorization, Denied},
    sts,
    xml::Xml,
};

/// How the API behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Such as `ap-northeast-1`: what requests must be signed for.
    pub region: String,
    /// Where requests come in: its address is a `Host` that is taken.
    pub listen: SocketAddr,
    /// Takes every request whoever signed it; for tests. A key nobody has acts for the account of its own twelve
    /// digits, or for the first account.
    pub accept_any_key: bool,
}

/// The AWS API.
#[derive(Debug)]
pub struct Api {
    settings: Settings,
    keys: Keys,
}

/// One action.
pub type Action = fn(&mut Call<'_>) -> Answer;

/// The services that are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    Ec2,
    Elb,
    CloudFormation,
    Sts,
}

impl Service {
    const ALL: [Self; 4] = [Self::Ec2, Self::Elb, Self::CloudFormation, Self::Sts];

    /// Its name in a credential's scope.
    fn scope(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Elb => "elasticloadbalancing",
            Self::CloudFormation => "cloudformation",
            Self::Sts => "sts",
        }
    }

    fn version(self) -> &'static str {
        match self {
            Self::Ec2 => "2016-11-15",
            Self::Elb => "2015-12-01",
            Self::CloudFormation => "2010-05-15",
            Self::Sts => "2011-06-15",
        }
    }

    fn namespace(self) -> String {
        let place = match self {
            Self::Ec2 => "http://ec2.amazonaws.com",
            Self::Elb => "http://elasticloadbalancing.amazonaws.com",
            Self::CloudFormation => "http://cloudformation.amazonaws.com",
            Self::Sts => "https://sts.amazonaws.com",
        };
        format!("{place}/doc/{}/", self.version())
    }

    fn actions(self) -> &'static [(&'static str, Action)] {
        match self {
            Self::Ec2 => ec2::ACTIONS,
            Self::Elb => elbv2::ACTIONS,
            Self::CloudFormation => cloudformation::ACTIONS,
            Self::Sts => sts::ACTIONS,
        }
    }
}

impl Api {
    /// An API with its keys.
    #[must_use]
    pub fn new(settings: Settings, keys: Keys) -> Self {
        Self { settings, keys }
    }

    /// Takes one more lasting key; temporary ones stay.
    pub fn add_key(&mut self, id: String, secret: String, account: AccountId) {
        self.keys.add(id, secret, account);
    }

    /// Every service and action that is answered.
    pub fn actions() -> impl Iterator<Item = (&'static str, &'static str)> {
        Service::ALL
            .into_iter()
            .flat_map(|service| service.actions().iter().map(move |(name, _)| (service.scope(), *name)))
    }

    /// Answers a request. What it changes is written down when this returns; `health` is what the targets' health
    /// checks have found so far.
    pub fn answer(&self, request: Request<Bytes>, cloud: &mut dyn Cloud, health: &Health) -> Response<Bytes> {
        if let Err((status, text)) = guard::check(&request, self.settings.listen) {
            return respond(status, "text/plain; charset=utf-8", format!("{text}\n"));
        }
        let (parts, body) = request.into_parts();
        let id = request_id(&cloud.hex(32));
        // Until the service is known, an error has the shape that most have.
        let mut service = Service::Sts;
        let answer = self.act(&parts, &body, cloud, health, &mut service);
        let (status, text) = match answer {
            Ok((action, inside)) => (StatusCode::OK, success(service, &action, inside, &id)),
            Err(refusal) => {
                let refusal = in_words_of(service, refusal);
                let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
                (status, failure(service, &refusal, &id))
            }
        };
        let mut response = respond(
            status,
            "text/xml;charset=UTF-8",
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}"),
        );
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert("x-amzn-requestid", id);
        }
        response
    }

    fn act(
        &self,
        parts: &Parts,
        body: &[u8],
        cloud: &mut dyn Cloud,
        health: &Health,
        service: &mut Service,
    ) -> Answer<(String, Xml)> {
        let authorization = Authorization::read(parts);
        let params = Params::parse(body)?;
        let version = params.text("Version").unwrap_or_default();
        let scope = authorization.as_ref().ok().map(|authorization| authorization.service.clone());
        *service = find_service(scope.as_deref(), &version)?;
        let caller =
            self.caller(parts, body, authorization, cloud).map_err(|denied| refuse(denied, *service))?;
        let action = params.need("Action")?;
        let Some((_, act)) = service.actions().iter().find(|(name, _)| *name == action) else {
            let message = format!("The action {action} is not valid for this web service.");
            return Err(Refusal::new("InvalidAction", message));
        };
        if version != service.version() {
            let message = format!("Version '{version}' is not answered; use {}", service.version());
            return Err(Refusal::new("NoSuchVersion", message));
        }
        let dry_run = *service == Service::Ec2 && params.flag("DryRun")?.unwrap_or(false);
        let mut call = Call { caller: &caller, params: &params, keys: &self.keys, health, dry_run, cloud };
        let inside = act(&mut call)?;
        call.understood()?;
        Ok((action, inside))
    }

    fn caller(
        &self,
        parts: &Parts,
        body: &[u8],
        authorization: Result<Authorization, Denied>,
        cloud: &dyn Cloud,
    ) -> Result<Caller, Denied> {
        if !self.settings.accept_any_key {
            return authorization?.verify(parts, body, &self.keys, &self.settings.region, cloud.now());
        }
        let first = || self.keys.first_account().unwrap_or_else(|| AccountId::from("000000000000"));
        Ok(match authorization {
            Ok(Authorization { key_id, .. }) => match self.keys.find(&key_id) {
                Some(key) => key.caller,
                None if key_id.len() == 12 && key_id.bytes().all(|b| b.is_ascii_digit()) => {
                    Caller::root(AccountId::new(key_id))
                }
                None => Caller::root(first()),
            },
            Err(_) => Caller::root(first()),
        })
    }
}

/// By what the request was signed for; a request without a signature is told so in the words of its version.
fn find_service(scope: Option<&str>, version: &str) -> Answer<Service> {
    let found = match scope {
        Some(scope) => Service::ALL.into_iter().find(|service| service.scope() == scope),
        None => Service::ALL.into_iter().find(|service| service.version() == version).or(Some(Service::Sts)),
    };
    found.ok_or_else(|| {
        let names: Vec<_> = Service::ALL.into_iter().map(Service::scope).collect();
        let message =
            format!("The service '{}' is not here, only {}", scope.unwrap_or_default(), names.join(", "));
        Refusal::with_status(404, "InvalidAction", message)
    })
}

/// A signature that does not count, in the codes of a service.
fn refuse(denied: Denied, service: Service) -> Refusal {
    const NOT_VALID: &str = "AWS was not able to validate the provided access credentials";
    let ec2 = service == Service::Ec2;
    match denied {
        Denied::Missing => {
            Refusal::with_status(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        }
        Denied::Incomplete(message) => Refusal::new("IncompleteSignature", message),
        Denied::Skewed(_) if ec2 => Refusal::new("RequestExpired", "Request has expired."),
        Denied::SessionEnded if ec2 => Refusal::new("RequestExpired", "Request has expired."),
        Denied::UnknownKey | Denied::Scope(_) | Denied::Mismatch if ec2 => {
            Refusal::with_status(401, "AuthFailure", NOT_VALID)
        }
        Denied::UnknownKey => Refusal::with_status(
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        ),
        Denied::SessionEnded => {
            Refusal::with_status(403, "ExpiredToken", "The security token included in the request is expired")
        }
        Denied::Scope(message) | Denied::Skewed(message) => {
            Refusal::with_status(403, "SignatureDoesNotMatch", message)
        }
        Denied::Mismatch => Refusal::with_status(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details.",
        ),
    }
}

/// EC2 has a code for each mistake in a parameter, the query protocol's services have one.
fn in_words_of(service: Service, refusal: Refusal) -> Refusal {
    let general =
        ["MissingParameter", "InvalidParameterValue", "InvalidParameterCombination", "UnknownParameter"];
    match service {
        Service::Ec2 => refusal,
        _ if general.contains(&refusal.code.as_ref()) => {
            Refusal { code: "ValidationError".into(), ..refusal }
        }
        _ => refusal,
    }
}

fn success(service: Service, action: &str, inside: Xml, id: &str) -> String {
    let (inside, namespace) = (inside.into_text(), service.namespace());
    match service {
        Service::Ec2 => {
            format!(
                "<{action}Response xmlns=\"{namespace}\"><requestId>{id}</requestId>{inside}</{action}Response>"
            )
        }
        _ => format!(
            "<{action}Response xmlns=\"{namespace}\"><{action}Result>{inside}</{action}Result>\
             <ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></{action}Response>"
        ),
    }
}

fn failure(service: Service, refusal: &Refusal, id: &str) -> String {
    let mut x = Xml::query();
    match service {
        Service::Ec2 => x.within("Response", |x| {
            x.within("Errors", |x| {
                x.within("Error", |x| {
                    x.text("Code", &refusal.code).text("Message", &refusal.message);
                });
            })
            .text("RequestID", id);
        }),
        _ => x.within("ErrorResponse", |x| {
            x.within("Error", |x| {
                let fault = if refusal.status < 500 { "Sender" } else { "Receiver" };
                x.text("Type", fault).text("Code", &refusal.code).text("Message", &refusal.message);
            })
            .text("RequestId", id);
        }),
    };
    x.into_text()
}

/// Thirty-two digits as AWS writes a request's identifier.
fn request_id(hex: &str) -> String {
    let mut id = String::with_capacity(36);
    for (at, digit) in hex.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            id.push('-');
        }
        id.push(digit);
    }
    id
}

fn respond(status: StatusCode, kind: &'static str, text: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
