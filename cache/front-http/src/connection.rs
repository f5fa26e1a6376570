//! From a request to its answer, however it came.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, ORIGIN};
use http::request::Parts;
use http::{Method, Request, Response};
use http_body::Body;
use kura_commands::Session;
use kura_front::DrainSignal;
use tokio::io::DuplexStream;

use crate::content::Content;
use crate::problem::{Form, Problem};
use crate::query::Query;
use crate::route::{Operation, find};
use crate::web::{self, Encoding, Pipe};
use crate::{Http, endpoints, item, management, openapi, topic};

/// One connection's side of the API.
pub struct Peer {
    pub(crate) http: Arc<Http>,
    pub(crate) drain: DrainSignal,
    pipe: Pipe,
}

/// A request that its head does not refuse.
pub(crate) enum Admitted {
    /// A grpc-web call, whose credentials the gRPC front end checks.
    Web(Encoding),
    /// For what anybody may see.
    Open,
    /// A request of the API, whose credentials stand.
    Api {
        /// What it asks for.
        operation: Operation,
        /// What stands for names in its path.
        names: Vec<String>,
        /// Who asks.
        session: Arc<Session>,
    },
}

impl Admitted {
    /// Whether it is known who asks.
    pub(crate) fn is_known(&self) -> bool {
        matches!(self, Self::Api { .. })
    }
}

impl Peer {
    /// A connection that ends when `drain` says so. Its grpc-web calls reach the gRPC front end by a
    /// pipe in memory: `grpc` serves the far end of one as a connection, in a task of its own.
    #[must_use]
    pub fn new(
        http: Arc<Http>,
        drain: DrainSignal,
        grpc: impl Fn(DuplexStream) + Send + Sync + 'static,
    ) -> Self {
        Self { http, drain, pipe: Pipe::new(Box::new(grpc)) }
    }

    /// Takes a request as far as its head alone decides.
    pub(crate) fn admit(&self, parts: &Parts) -> Result<Admitted, Box<Response<Content>>> {
        if let Some(answer) = self.http.cors.preflight(&parts.method, &parts.headers) {
            return Err(Box::new(answer));
        }
        self.check(parts).map_err(|(form, problem)| Box::new(self.finish(parts, problem.into_response(form))))
    }

    /// Answers a request that was admitted.
    pub(crate) async fn answer<B>(&self, admitted: Admitted, parts: &Parts, body: B) -> Response<Content>
    where
        B: Body<Data = Bytes, Error: std::fmt::Display>,
    {
        let answer = match admitted {
            Admitted::Web(encoding) => {
                web::call(&self.pipe, encoding, parts, body, self.http.commands.now()).await
            }
            Admitted::Open => openapi::describe(),
            Admitted::Api { operation, names, session } => {
                let answer = self.carry_out(operation, &names, &session, parts, body).await;
                answer.unwrap_or_else(|problem| problem.into_response(operation.form()))
            }
        };
        self.finish(parts, answer)
    }

    /// Answers a request.
    pub(crate) async fn respond<B>(&self, request: Request<B>) -> Response<Content>
    where
        B: Body<Data = Bytes, Error: std::fmt::Display>,
    {
        let (parts, body) = request.into_parts();
        match self.admit(&parts) {
            Ok(admitted) => self.answer(admitted, &parts, body).await,
            Err(refused) => *refused,
        }
    }

    fn check(&self, parts: &Parts) -> Result<Admitted, (Form, Problem)> {
        if let Some(encoding) = Encoding::of_request(&parts.headers)
            && parts.method == Method::POST
        {
            return Ok(Admitted::Web(encoding));
        }
        let (operation, names) =
            find(&parts.method, parts.uri.path()).map_err(|problem| (Form::Text, problem))?;
        if operation.is_open() {
            return Ok(Admitted::Open);
        }
        let session = self.authenticate(operation, parts).map_err(|problem| (operation.form(), problem))?;
        Ok(Admitted::Api { operation, names, session })
    }

    fn authenticate(&self, operation: Operation, parts: &Parts) -> Result<Arc<Session>, Problem> {
        let header = parts.headers.get(AUTHORIZATION);
        let query = Query::new(parts.uri.query().unwrap_or_default());
        let in_query = if operation.is_of_a_cache() { query.bytes("token")? } else { None };
        let token = match (header, &in_query) {
            (Some(_), Some(_)) => {
                return Err(Problem::bad_request(
                    "the token is given twice: send it in the authorization header or as ?token=, not both",
                ));
            }
            (Some(header), None) => header.as_bytes(),
            (None, Some(token)) => token,
            (None, None) => b"",
        };
        Ok(self.http.commands.authenticate(token)?)
    }

    async fn carry_out<B>(
        &self,
        operation: Operation,
        names: &[String],
        session: &Arc<Session>,
        parts: &Parts,
        body: B,
    ) -> Result<Response<Content>, Problem>
    where
        B: Body<Data = Bytes, Error: std::fmt::Display>,
    {
        let (http, headers) = (&*self.http, &parts.headers);
        let query = Query::new(parts.uri.query().unwrap_or_default());
        let name = |at: usize| names.get(at).map(String::as_str).unwrap_or_default();
        match operation {
            Operation::GetItem => item::get(http, session, name(0), query).await,
            Operation::PutItem => item::put(http, session, name(0), query, body).await,
            Operation::DeleteItem => item::delete(http, session, name(0), query),
            Operation::Publish => topic::publish(http, session, (name(0), name(1)), headers, body).await,
            Operation::Poll => topic::poll(http, session, (name(0), name(1)), query).await,
            Operation::ListEndpoints => endpoints::list(http, query),
            Operation::ListKeys => management::list_keys(http, session, query),
            Operation::CreateKey => management::create_key(http, session, headers, body).await,
            Operation::RevokeKey => management::revoke_key(http, session, name(0)).await,
            Operation::ListRoles => management::list_roles(http, session, query),
            Operation::CreateRole => management::create_role(http, session, headers, body).await,
            Operation::UpdateRole => management::update_role(http, session, name(0), headers, body).await,
            Operation::DeleteRole => management::delete_role(http, session, name(0)).await,
            Operation::Describe => Ok(openapi::describe()),
        }
    }

    /// Lets pages of allowed origins read the answer.
    fn finish(&self, parts: &Parts, mut response: Response<Content>) -> Response<Content> {
        self.http.cors.apply(parts.headers.get(ORIGIN), response.headers_mut());
        response
    }
}
