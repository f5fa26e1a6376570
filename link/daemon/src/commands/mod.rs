//! What the command line does: ask the daemon, print the answer.

pub mod down;
pub mod exec;
pub mod flows;
pub mod key;
pub mod logs;
pub mod publish;
pub mod status;
pub mod trace;
