//! What is read from a request before its item is looked for.

use std::hint::black_box;

use anyhow::{Context, ensure};
use kura_front_http::query::{Query, decode_segment};

use super::Ready;
use crate::world::{self, NOW};

pub(crate) const OPERATIONS: u64 = 1000;

/// The cache's name in a path and a key in a query, with escapes.
pub(super) fn http_key() -> anyhow::Result<Ready> {
    Ok(Box::new(|| {
        Ok(Box::new(|| {
            for _ in 0..OPERATIONS {
                let cache = decode_segment(black_box("orders-of-2026")).ok().context("the name")?;
                let query = Query::new(black_box("ttl_seconds=60&key=user%3A0000000000%2Fname+of"));
                let key = query.bytes("key").ok().flatten().context("the key")?;
                ensure!(cache.len() == 14 && key.len() == 23, "{cache:?} {key:?}");
            }
            Ok(())
        }))
    }))
}

/// A token that was seen before.
pub(super) fn token_known() -> anyhow::Result<Ready> {
    let (commands, token) = (world::commands()?, world::token()?);
    Ok(Box::new(move || {
        let (commands, token) = (commands.clone(), token.clone());
        commands.authenticate(token.as_bytes())?;
        Ok(Box::new(move || {
            for _ in 0..OPERATIONS {
                commands.authenticate(black_box(token.as_bytes()))?;
            }
            Ok(())
        }))
    }))
}

/// A token that is seen for the first time.
pub(super) fn token_new() -> anyhow::Result<Ready> {
    let token = world::token()?;
    Ok(Box::new(move || {
        let (secret, token) = (world::secret(), token.clone());
        Ok(Box::new(move || {
            for _ in 0..OPERATIONS {
                kura_tokens::verify(&secret, black_box(&token), NOW)?;
            }
            Ok(())
        }))
    }))
}
