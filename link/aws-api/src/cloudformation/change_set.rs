//! Change sets.

use kura_cloudformation::{ChangeSetDescription, CreateChangeSet, ExecuteChangeSet};
use kura_model::ResourceChange;

use super::{body, page::page, parameters, read::write_tags, tags, without_effect};
use crate::{call::Call, clock::iso, refusal::Answer, xml::Xml};

pub fn create(call: &mut Call<'_>) -> Answer {
    without_effect(call)?;
    // There are no stacks inside stacks here, and a template that asks for one is refused.
    call.params.without_effect(&["IncludeNestedStacks"]);
    // The idempotency of a change set is its name's.
    call.params.without_effect(&["ClientToken"]);
    let request = CreateChangeSet {
        stack_name: call.params.need("StackName")?,
        change_set_name: call.params.need("ChangeSetName")?,
        change_set_type: call.params.text("ChangeSetType"),
        description: call.params.text("Description"),
        template_body: body(call)?,
        use_previous_template: call.params.flag("UsePreviousTemplate")?.unwrap_or(false),
        parameters: parameters(call)?,
        capabilities: call.params.texts("Capabilities.member"),
        tags: tags(call)?,
        on_stack_failure: call.params.text("OnStackFailure"),
    };
    call.understood()?;
    let account = call.account().clone();
    let made = kura_cloudformation::create_change_set(call.cloud, &account, request)?;
    let mut x = Xml::query();
    x.text("Id", &made.id).text("StackId", &made.stack_id);
    Ok(x)
}

pub fn execute(call: &mut Call<'_>) -> Answer {
    let request = ExecuteChangeSet {
        change_set_name: call.params.need("ChangeSetName")?,
        stack_name: call.params.text("StackName"),
        disable_rollback: call.params.flag("DisableRollback")?,
        client_request_token: call.params.text("ClientRequestToken"),
    };
    call.understood()?;
    let account = call.account().clone();
    kura_cloudformation::execute_change_set(call.cloud, &account, request)?;
    Ok(Xml::query())
}

pub fn delete(call: &mut Call<'_>) -> Answer {
    let name = call.params.need("ChangeSetName")?;
    let stack = call.params.text("StackName");
    call.understood()?;
    let account = call.account().clone();
    kura_cloudformation::delete_change_set(call.cloud, &account, &name, stack.as_deref())?;
    Ok(Xml::query())
}

pub fn describe(call: &mut Call<'_>) -> Answer {
    let name = call.params.need("ChangeSetName")?;
    let stack = call.params.text("StackName");
    call.params.without_effect(&["IncludePropertyValues"]);
    let found =
        kura_cloudformation::describe_change_set(call.state(), call.account(), &name, stack.as_deref())?;
    let set = &found.change_set;
    let mut x = Xml::query();
    write(&mut x, &found);
    x.list("Parameters", &set.parameters, |x, (key, value)| {
        x.text("ParameterKey", key).text("ParameterValue", value);
    })
    .texts("NotificationARNs", [] as [&str; 0])
    .texts("Capabilities", &set.capabilities);
    write_tags(&mut x, &set.tags);
    let (changes, next) = page(call, set.changes.iter().collect(), |change| &change.logical_id)?;
    x.list("Changes", changes, |x, change| {
        x.text("Type", "Resource").within("ResourceChange", |x| write_change(x, change));
    })
    .maybe("NextToken", next);
    Ok(x)
}

pub fn list(call: &mut Call<'_>) -> Answer {
    let stack = call.params.need("StackName")?;
    let all = kura_cloudformation::list_change_sets(call.state(), call.account(), &stack)?;
    let (all, next) = page(call, all, |set| set.change_set.id.as_str())?;
    let mut x = Xml::query();
    x.list("Summaries", all, |x, set| write(x, &set)).maybe("NextToken", next);
    Ok(x)
}

fn write(x: &mut Xml, found: &ChangeSetDescription) {
    let set = &found.change_set;
    x.text("ChangeSetName", &set.name)
        .text("ChangeSetId", &set.id)
        .text("StackId", &found.stack_id)
        .text("StackName", &found.stack_name)
        .maybe("Description", set.description.as_ref())
        .text("CreationTime", iso(set.created))
        .text("ExecutionStatus", &set.execution_status)
        .text("Status", &set.status)
        .maybe("StatusReason", set.status_reason.as_ref())
        .text("IncludeNestedStacks", false);
}

fn write_change(x: &mut Xml, change: &ResourceChange) {
    x.text("Action", &change.action)
        .text("LogicalResourceId", &change.logical_id)
        .maybe("PhysicalResourceId", change.physical_id.as_ref())
        .text("ResourceType", &change.resource_type)
        .maybe("Replacement", change.replacement.as_ref());
    let scope = (!change.properties.is_empty()).then_some("Properties");
    x.texts("Scope", scope).list("Details", &change.properties, |x, property| {
        x.within("Target", |x| {
            x.text("Attribute", "Properties").text("Name", property);
        });
    });
}
