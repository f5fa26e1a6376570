//! Tokens that were not signed here.

use std::sync::LazyLock;

use kura_base::Millis;
use kura_tokens::{Access, Claims, Format, MAX_TOKEN_BYTES, Permissions, SigningSecret, mint, verify};

use crate::input::Input;
use crate::{Target, Trace};

pub(super) const TARGET: Target = Target {
    max_input_bytes: 6000,
    pieces: &[b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.", b"eyJhbGciOiJub25lIn0.", b".", b"="],
    ..Target::new(
        "token_forged",
        "nothing verifies but what was minted, and that with its secret only",
        check,
    )
};

struct Minted {
    secret: SigningSecret,
    other: SigningSecret,
    tokens: [(String, Claims); 2],
}

static MINTED: LazyLock<Minted> = LazyLock::new(|| {
    let secret = SigningSecret::from_bytes([7; 32]);
    let token = |format, permissions, expires| {
        let claims = Claims { id: "key-1".to_owned(), issued: 1000, expires, permissions, format };
        (mint(&secret, &claims).unwrap(), claims)
    };
    let tokens = [
        token(Format::V2, Permissions::Superuser, None),
        token(Format::V1, Permissions::all_caches(Access::ReadOnly), Some(2000)),
    ];
    Minted { secret, other: SigningSecret::from_bytes([8; 32]), tokens }
});

fn check(input: &[u8], trace: &mut Trace<'_>) {
    let Minted { secret, other, tokens } = &*MINTED;
    let mut input = Input::of(input);
    let choice = usize::from(input.byte());
    let text = if choice < 2 {
        // A token of ours, with bytes changed, put in or taken out.
        let mut bytes = tokens[choice].0.clone().into_bytes();
        let kind = input.byte();
        let at = (usize::from(input.byte()) | usize::from(input.byte()) << 8) % (bytes.len() + 1);
        let edit = input.rest();
        let end = (at + if kind & 1 == 0 { edit.len() } else { usize::from(kind >> 1) }).min(bytes.len());
        drop(bytes.splice(at..end, edit.iter().copied()));
        bytes
    } else {
        input.rest().to_vec()
    };
    let Ok(text) = String::from_utf8(text) else { return };
    let verified = verify(secret, &text, Millis(1_500_000));
    trace.note(verified.as_ref().map(drop).map_err(ToString::to_string));
    let minted = tokens.iter().find(|(token, _)| *token == text).map(|(_, claims)| claims);
    assert_eq!(verified.as_ref().ok(), minted, "{text:?}");
    assert!(verify(other, &text, Millis(0)).is_err(), "{text:?} verifies with another secret");
    assert!(verified.is_err() || text.len() <= MAX_TOKEN_BYTES);
    if let Err(error) = verified {
        assert!(text.len() < 40 || !error.to_string().contains(&text), "the error repeats the token");
    }
}
