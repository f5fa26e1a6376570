//! kura-tokens
