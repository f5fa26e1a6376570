//! STS: who am I, and let me be another account for a while.

use kura_model::AccountId;

use crate::{
    api::Action,
    call::Call,
    clock::iso,
    keys::{Caller, Key, Session},
    refusal::{Answer, Refusal},
    xml::Xml,
};

/// What is answered.
pub const ACTIONS: &[(&str, Action)] =
    &[("AssumeRole", assume_role), ("GetCallerIdentity", get_caller_identity)];

fn get_caller_identity(call: &mut Call<'_>) -> Answer {
    let mut x = Xml::query();
    x.text("UserId", &call.caller.user_id).text("Account", call.account()).text("Arn", &call.caller.arn);
    Ok(x)
}

/// There are no roles here: any role of an account that has a key can be assumed, since who can sign at all holds
/// the keys of all accounts of this machine.
fn assume_role(call: &mut Call<'_>) -> Answer {
    let arn = call.params.need("RoleArn")?;
    let session = call.params.need("RoleSessionName")?;
    let seconds = call.params.number("DurationSeconds", 900, 43_200)?.unwrap_or(3600);
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_=,.@-".contains(c);
    if !(2..=64).contains(&session.len()) || !session.chars().all(allowed) {
        return Err(Refusal::invalid(format!(
            "RoleSessionName '{session}' must have 2 to 64 characters of A-Z a-z 0-9 _=,.@-"
        )));
    }
    let (account, role) = match arn.split(':').collect::<Vec<_>>()[..] {
        ["arn", "aws", "iam", "", account, resource] => {
            (AccountId::from(account), resource.strip_prefix("role/").unwrap_or_default().to_owned())
        }
        _ => return Err(Refusal::invalid(format!("{arn} is invalid"))),
    };
    call.understood()?;
    if role.is_empty() || !call.keys.has_account(&account) {
        let message = format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}",
            call.caller.arn
        );
        return Err(Refusal::with_status(403, "AccessDenied", message));
    }
    let name = role.rsplit('/').next().unwrap_or_default();
    let role_id = format!("AROA{}", call.cloud.hex(17).to_ascii_uppercase());
    let caller = Caller {
        arn: format!("arn:aws:sts::{account}:assumed-role/{name}/{session}"),
        user_id: format!("{role_id}:{session}"),
        account,
    };
    let until = call.now() + seconds.unsigned_abs() * 1000;
    let key = Key {
        id: format!("ASIA{}", call.cloud.hex(16).to_ascii_uppercase()),
        secret: call.cloud.hex(40),
        session: Some(Session { token: call.cloud.hex(64), until }),
        caller: caller.clone(),
    };
    call.keys.lend(key.clone(), call.now());
    let mut x = Xml::query();
    x.within("Credentials", |x| {
        x.text("AccessKeyId", &key.id)
            .text("SecretAccessKey", &key.secret)
            .maybe("SessionToken", key.session.as_ref().map(|session| &session.token))
            .text("Expiration", iso(until));
    });
    x.within("AssumedRoleUser", |x| {
        x.text("AssumedRoleId", &caller.user_id).text("Arn", &caller.arn);
    });
    Ok(x)
}
