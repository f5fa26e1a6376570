//! EC2.
use crate::api::Action;
pub const ACTIONS: &[(&str, Action)] = &[];
