//! Which operation a request asks for. The OpenAPI document is made from the same table.

use http::{HeaderValue, Method, StatusCode};

use crate::problem::{Form, Problem};
use crate::query::decode_segment;

/// Something that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    GetItem,
    PutItem,
    DeleteItem,
    Publish,
    Poll,
    ListEndpoints,
    ListKeys,
    CreateKey,
    RevokeKey,
    ListRoles,
    CreateRole,
    UpdateRole,
    DeleteRole,
    Describe,
}

/// A method on a path. `{name}` in the path stands for one segment.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) operation: Operation,
}

const fn route(method: Method, path: &'static str, operation: Operation) -> Route {
    Route { method, path, operation }
}

/// Everything that can be asked for.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::GET, "/cache/{cache}", Operation::GetItem),
    route(Method::PUT, "/cache/{cache}", Operation::PutItem),
    route(Method::DELETE, "/cache/{cache}", Operation::DeleteItem),
    route(Method::POST, "/topics/{cache}/{topic}", Operation::Publish),
    route(Method::GET, "/topics/{cache}/{topic}", Operation::Poll),
    route(Method::GET, "/endpoints", Operation::ListEndpoints),
    route(Method::GET, "/api-keys", Operation::ListKeys),
    route(Method::POST, "/api-keys", Operation::CreateKey),
    route(Method::DELETE, "/api-keys/{key_id}", Operation::RevokeKey),
    route(Method::GET, "/roles", Operation::ListRoles),
    route(Method::POST, "/roles", Operation::CreateRole),
    route(Method::PUT, "/roles/{role_id}", Operation::UpdateRole),
    route(Method::DELETE, "/roles/{role_id}", Operation::DeleteRole),
    route(Method::GET, "/openapi.json", Operation::Describe),
];

impl Operation {
    /// How it words its refusals.
    pub(crate) fn form(self) -> Form {
        if self.is_of_a_cache() || self == Self::Describe { Form::Text } else { Form::Json }
    }

    /// Whether it is about what is in a cache. Then its token may stand in the query, as Momento
    /// documents for caches and topics only.
    pub(crate) fn is_of_a_cache(self) -> bool {
        matches!(self, Self::GetItem | Self::PutItem | Self::DeleteItem | Self::Publish | Self::Poll)
    }

    /// Whether anybody may ask, with no token.
    pub(crate) fn is_open(self) -> bool {
        self == Self::Describe
    }
}

/// The operation that a request asks for, and the segments that stand for names in its path.
pub(crate) fn find(method: &Method, path: &str) -> Result<(Operation, Vec<String>), Problem> {
    let mut allowed = Vec::new();
    for route in ROUTES.iter().filter(|route| matches(route.path, path)) {
        if route.method == *method {
            return Ok((route.operation, names(route.path, path)?));
        }
        allowed.push(route.method.as_str());
    }
    if allowed.is_empty() {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "Not Found: this port speaks gRPC over HTTP/2, grpc-web, and HTTP on the paths that /openapi.json lists",
        ));
    }
    let allowed = allowed.join(", ");
    let mut problem = Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("Method Not Allowed: this path takes {allowed}, not {method}"),
    );
    problem.allow = HeaderValue::from_str(&allowed).ok();
    Err(problem)
}

fn is_name(segment: &str) -> bool {
    segment.starts_with('{')
}

fn matches(template: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let all = template.split('/').all(|wanted| {
        segments.next().is_some_and(|given| if is_name(wanted) { !given.is_empty() } else { wanted == given })
    });
    all && segments.next().is_none()
}

fn names(template: &str, path: &str) -> Result<Vec<String>, Problem> {
    template
        .split('/')
        .zip(path.split('/'))
        .filter(|(wanted, _)| is_name(wanted))
        .map(|(wanted, given)| {
            let name = wanted.trim_matches(['{', '}']);
            let bytes = decode_segment(given).map_err(|_| {
                Problem::bad_request(format!(
                    "the {name} in the path has a % without two hexadecimal digits behind it; write % as %25"
                ))
            })?;
            String::from_utf8(bytes.into_owned())
                .map_err(|_| Problem::bad_request(format!("the {name} in the path is not UTF-8")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_its_methods_and_no_others() {
        let (operation, names) = find(&Method::GET, "/cache/a%2Fb").unwrap();
        assert_eq!((operation, names), (Operation::GetItem, vec!["a/b".to_owned()]));
        for path in ["", "/", "/cache", "/cache/", "/cache/a/b", "//cache/a", "/Cache/a"] {
            assert_eq!(find(&Method::GET, path).unwrap_err().status, StatusCode::NOT_FOUND, "{path:?}");
        }
        let wrong = find(&Method::POST, "/cache/a").unwrap_err();
        assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(wrong.allow.unwrap(), "GET, PUT, DELETE");
        for bad in ["/cache/%", "/cache/%ff"] {
            assert_eq!(find(&Method::GET, bad).unwrap_err().status, StatusCode::BAD_REQUEST, "{bad}");
        }
    }
}
