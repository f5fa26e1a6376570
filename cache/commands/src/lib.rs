//! kura-commands
