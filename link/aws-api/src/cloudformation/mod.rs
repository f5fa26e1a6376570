//! CloudFormation's wire: forms become requests of `kura-cloudformation`, its answers become XML.

mod change_set;
mod page;
mod read;
mod stack;
mod template;

use kura_cloudformation::{Error, ParameterInput};
use kura_model::Tags;

use crate::{
    api::Action,
    call::Call,
    refusal::{Answer, Refusal},
    xml::Xml,
};

/// What is answered.
pub const ACTIONS: &[(&str, Action)] = &[
    ("CancelUpdateStack", stack::cancel_update),
    ("ContinueUpdateRollback", stack::continue_rollback),
    ("CreateChangeSet", change_set::create),
    ("CreateStack", stack::create),
    ("DeleteChangeSet", change_set::delete),
    ("DeleteStack", stack::delete),
    ("DescribeChangeSet", change_set::describe),
    ("DescribeStackEvents", read::describe_events),
    ("DescribeStackResource", read::describe_resource),
    ("DescribeStackResources", read::describe_resources),
    ("DescribeStacks", read::describe_stacks),
    ("ExecuteChangeSet", change_set::execute),
    ("GetTemplate", template::get),
    ("GetTemplateSummary", template::summarize),
    ("ListChangeSets", change_set::list),
    ("ListExports", read::list_exports),
    ("ListImports", read::list_imports),
    ("ListStackResources", read::list_resources),
    ("ListStacks", read::list_stacks),
    ("RollbackStack", stack::roll_back),
    ("UpdateStack", stack::update),
    ("UpdateTerminationProtection", stack::protect),
    ("ValidateTemplate", template::validate),
];

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::with_status(error.status(), error.code, error.message)
    }
}

/// `Parameters.member.N`
fn parameters(call: &Call<'_>) -> Answer<Vec<ParameterInput>> {
    let mut all = Vec::new();
    for entry in call.params.list("Parameters.member") {
        all.push(ParameterInput {
            key: entry.need("ParameterKey")?,
            value: entry.text("ParameterValue"),
            use_previous_value: entry.flag("UsePreviousValue")?.unwrap_or(false),
        });
    }
    Ok(all)
}

/// The tags of a request, `None` if it says nothing of tags: an empty list takes them away.
fn tags(call: &Call<'_>) -> Answer<Option<Tags>> {
    let said = call.params.text("Tags").is_some() || !call.params.within("Tags").is_empty();
    Ok(Some(call.params.tags("Tags.member")?).filter(|_| said))
}

/// A template that is sent along.
fn body(call: &Call<'_>) -> Answer<Option<String>> {
    if call.params.text("TemplateURL").is_some() {
        return Err(Refusal::new(
            "ValidationError",
            "TemplateURL: there is no S3 on this link; send the template itself (TemplateBody)",
        ));
    }
    Ok(call.params.text("TemplateBody"))
}

/// What may be asked for and asks for nothing here: work is done when the answer goes out, so that it neither times
/// out nor is watched meanwhile, and nobody is notified where nobody listens.
fn without_effect(call: &Call<'_>) -> Answer<()> {
    if !call.params.texts("NotificationARNs.member").is_empty() {
        return Err(Refusal::new("ValidationError", "NotificationARNs: there is no SNS on this link"));
    }
    call.params.without_effect(&[
        "DeploymentConfig",
        "DisableValidation",
        "RollbackConfiguration",
        "TimeoutInMinutes",
    ]);
    // A capability is needed for IAM and macros, of which there are none.
    call.params.texts("ResourceTypes.member");
    Ok(())
}

/// `<StackId>`, as creating and updating answer.
fn stack_id(id: &kura_model::StackId) -> Xml {
    let mut x = Xml::query();
    x.text("StackId", id);
    x
}
