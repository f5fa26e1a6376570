//! kura-check
