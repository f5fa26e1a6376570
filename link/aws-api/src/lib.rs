//! EC2, Elastic Load Balancing v2, STS and CloudFormation as `aws` and boto3 speak them.
//!
//! A request comes in whole and an answer goes out whole: [`Api::answer`] knows no socket, no clock and no runtime.
//! It checks where the request comes from (`guard`), who signed it (`signature`), reads its form (`query`), finds
//! the action, and writes AWS's XML (`xml`). Reading actions look at [`kura_model::State`], the others make a
//! [`kura_model::Change`]; whether it may be made is the model's to say.
//!
//! The shapes are botocore's models; `tests/` drives this with boto3 and the `aws` command line and compares each
//! answer with those models element by element. `ACTIONS.md` lists what is built. What is not built answers
//! `InvalidAction`; a parameter that is not understood answers `UnknownParameter` and is never dropped.
#![allow(missing_docs, reason = "fields named as AWS names them; types and rules are documented")]

mod api;
mod call;
mod clock;
mod cloudformation;
mod ec2;
mod elbv2;
mod guard;
mod keys;
mod listing;
mod query;
mod refusal;
mod signature;
mod sts;
mod xml;

pub use api::{Api, Settings};
pub use guard::BODY_LIMIT_BYTES;
pub use keys::{Caller, Key, Keys, Session};
