//! Tags of load balancers, target groups and listeners.

use kura_model::Change;

use crate::{
    call::Call,
    refusal::{Answer, Refusal},
    xml::Xml,
};

pub fn add(call: &mut Call<'_>) -> Answer {
    let resources = resources(call)?;
    let tags = call.params.tags("Tags.member")?;
    call.change(Change::SetTags { resources, tags })?;
    Ok(Xml::query())
}

pub fn remove(call: &mut Call<'_>) -> Answer {
    let resources = resources(call)?;
    let keys = call.params.need_texts("TagKeys.member")?;
    if let Some(key) = keys.iter().find(|key| key.starts_with("aws:")) {
        return Err(Refusal::invalid(format!("Tag keys starting with 'aws:' are reserved, '{key}' is one")));
    }
    call.change(Change::RemoveTags { resources, tags: keys.into_iter().map(|key| (key, None)).collect() })?;
    Ok(Xml::query())
}

pub fn describe(call: &mut Call<'_>) -> Answer {
    let resources = resources(call)?;
    let mut x = Xml::query();
    x.list("TagDescriptions", resources, |x, arn| {
        x.text("ResourceArn", &arn).list(
            "Tags",
            call.state().tags(&arn).into_iter().flatten(),
            |x, (key, value)| {
                x.text("Key", key).text("Value", value);
            },
        );
    });
    Ok(x)
}

/// The resources named, each of which must be the account's.
fn resources(call: &Call<'_>) -> Answer<Vec<String>> {
    let arns = call.params.need_texts("ResourceArns.member")?;
    for arn in &arns {
        if !call.state().exists(call.account(), arn) {
            let code = match arn.split(':').nth(5).and_then(|resource| resource.split('/').next()) {
                Some("targetgroup") => "TargetGroupNotFound",
                Some("listener") => "ListenerNotFound",
                _ => "LoadBalancerNotFound",
            };
            return Err(Refusal::new(code, format!("'{arn}' not found")));
        }
    }
    Ok(arns)
}
