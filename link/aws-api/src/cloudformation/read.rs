//! Looking at stacks, their events, resources and exports.
//!
//! Lists come in pages, but for `DescribeStackResources`, which AWS cuts off at the first page.

use kura_model::{Stack, StackResource, Tags};

use super::page::{MOST, page};

use crate::{
    call::Call,
    clock::iso,
    refusal::{Answer, Refusal},
    xml::Xml,
};

pub fn describe_stacks(call: &mut Call<'_>) -> Answer {
    let name = call.params.text("StackName").filter(|name| !name.is_empty());
    let stacks = kura_cloudformation::describe_stacks(call.state(), call.account(), name.as_deref())?;
    let mut x = Xml::query();
    let (stacks, next) = page(call, stacks, |stack| stack.id.as_str())?;
    x.list("Stacks", stacks, |x, stack| write(x, &stack)).maybe("NextToken", next);
    Ok(x)
}

pub fn describe_events(call: &mut Call<'_>) -> Answer {
    let name = call.params.need("StackName")?;
    let (stack, events) = kura_cloudformation::describe_stack_events(call.state(), call.account(), &name)?;
    let (events, next) = page(call, events, |event| &event.id)?;
    let mut x = Xml::query();
    x.list("StackEvents", events, |x, event| {
        x.text("StackId", &stack.id)
            .text("EventId", &event.id)
            .text("StackName", &stack.name)
            .text("LogicalResourceId", &event.logical_id)
            .maybe("PhysicalResourceId", event.physical_id.as_ref())
            .text("ResourceType", &event.resource_type)
            .text("Timestamp", iso(event.at))
            .text("ResourceStatus", &event.status)
            .maybe("ResourceStatusReason", event.reason.as_ref())
            .maybe("ResourceProperties", event.properties.as_ref())
            .maybe("ClientRequestToken", event.token.as_ref());
    })
    .maybe("NextToken", next);
    Ok(x)
}

pub fn describe_resource(call: &mut Call<'_>) -> Answer {
    let name = call.params.need("StackName")?;
    let id = call.params.need("LogicalResourceId")?;
    let (stack, found) =
        kura_cloudformation::describe_stack_resources(call.state(), call.account(), &name, Some(&id))?;
    let mut x = Xml::query();
    if let Some(resource) = found.first() {
        x.within("StackResourceDetail", |x| {
            x.text("StackName", &stack.name).text("StackId", &stack.id);
            write_resource(x, resource, "LastUpdatedTimestamp");
        });
    }
    Ok(x)
}

pub fn describe_resources(call: &mut Call<'_>) -> Answer {
    let name = match (call.params.text("StackName"), call.params.text("PhysicalResourceId")) {
        (Some(name), None) => name,
        (None, Some(id)) => {
            kura_cloudformation::stack_of_physical_resource(call.state(), call.account(), &id)?.id.to_string()
        }
        _ => return Err(Refusal::invalid("Give one of StackName and PhysicalResourceId")),
    };
    let id = call.params.text("LogicalResourceId");
    let (stack, found) =
        kura_cloudformation::describe_stack_resources(call.state(), call.account(), &name, id.as_deref())?;
    let mut x = Xml::query();
    x.list("StackResources", found.into_iter().take(MOST), |x, resource| {
        x.text("StackName", &stack.name).text("StackId", &stack.id);
        write_resource(x, &resource, "Timestamp");
    });
    Ok(x)
}

pub fn list_resources(call: &mut Call<'_>) -> Answer {
    let name = call.params.need("StackName")?;
    let (_, found) =
        kura_cloudformation::describe_stack_resources(call.state(), call.account(), &name, None)?;
    let (found, next) = page(call, found, |resource| &resource.logical_id)?;
    let mut x = Xml::query();
    x.list("StackResourceSummaries", found, |x, resource| {
        write_resource(x, &resource, "LastUpdatedTimestamp");
    })
    .maybe("NextToken", next);
    Ok(x)
}

pub fn list_stacks(call: &mut Call<'_>) -> Answer {
    let statuses = call.params.texts("StackStatusFilter.member");
    let stacks = kura_cloudformation::list_stacks(call.state(), call.account(), &statuses)?;
    let (stacks, next) = page(call, stacks, |stack| stack.id.as_str())?;
    let mut x = Xml::query();
    x.list("StackSummaries", stacks, |x, stack| {
        x.text("StackId", &stack.id)
            .text("StackName", &stack.name)
            .maybe("TemplateDescription", stack.template_description.as_ref())
            .text("CreationTime", iso(stack.created))
            .maybe("LastUpdatedTime", stack.updated.map(iso))
            .maybe("DeletionTime", stack.deleted.map(iso))
            .text("StackStatus", &stack.status)
            .maybe("StackStatusReason", stack.status_reason.as_ref());
        write_drift(x);
    })
    .maybe("NextToken", next);
    Ok(x)
}

pub fn list_exports(call: &mut Call<'_>) -> Answer {
    let exports = kura_cloudformation::list_exports(call.state(), call.account())?;
    let (exports, next) = page(call, exports, |export| &export.name)?;
    let mut x = Xml::query();
    x.list("Exports", exports, |x, export| {
        x.text("ExportingStackId", &export.exporting_stack_id)
            .text("Name", &export.name)
            .text("Value", &export.value);
    })
    .maybe("NextToken", next);
    Ok(x)
}

pub fn list_imports(call: &mut Call<'_>) -> Answer {
    let name = call.params.need("ExportName")?;
    let stacks = kura_cloudformation::list_imports(call.state(), call.account(), &name)?;
    let (stacks, next) = page(call, stacks, |name| name)?;
    let mut x = Xml::query();
    x.texts("Imports", stacks).maybe("NextToken", next);
    Ok(x)
}

/// `Tags`, as CloudFormation writes them.
pub fn write_tags(x: &mut Xml, tags: &Tags) {
    x.list("Tags", tags, |x, (key, value)| {
        x.text("Key", key).text("Value", value);
    });
}

fn write_drift(x: &mut Xml) {
    x.within("DriftInformation", |x| {
        x.text("StackDriftStatus", "NOT_CHECKED");
    });
}

fn write(x: &mut Xml, stack: &Stack) {
    x.text("StackId", &stack.id)
        .text("StackName", &stack.name)
        .maybe("Description", stack.description.as_ref())
        .list("Parameters", &stack.parameters, |x, (key, value)| {
            x.text("ParameterKey", key).text("ParameterValue", value);
        })
        .text("CreationTime", iso(stack.created))
        .maybe("LastUpdatedTime", stack.updated.map(iso))
        .maybe("DeletionTime", stack.deleted.map(iso))
        .text("StackStatus", &stack.status)
        .maybe("StackStatusReason", stack.status_reason.as_ref())
        .text("DisableRollback", stack.disable_rollback)
        .texts("NotificationARNs", [] as [&str; 0])
        .texts("Capabilities", &stack.capabilities)
        .list("Outputs", &stack.outputs, |x, output| {
            x.text("OutputKey", &output.key)
                .text("OutputValue", &output.value)
                .maybe("Description", output.description.as_ref())
                .maybe("ExportName", output.export_name.as_ref());
        })
        .text("EnableTerminationProtection", stack.termination_protection);
    write_tags(x, &stack.tags);
    write_drift(x);
}

fn write_resource(x: &mut Xml, resource: &StackResource, time: &str) {
    x.text("LogicalResourceId", &resource.logical_id)
        .maybe("PhysicalResourceId", resource.physical_id.as_ref())
        .text("ResourceType", &resource.resource_type)
        .text(time, iso(resource.updated))
        .text("ResourceStatus", &resource.status)
        .maybe("ResourceStatusReason", resource.status_reason.as_ref())
        .within("DriftInformation", |x| {
            x.text("StackResourceDriftStatus", "NOT_CHECKED");
        });
}
