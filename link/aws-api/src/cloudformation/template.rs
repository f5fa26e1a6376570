//! Looking at templates.

use kura_cloudformation::{ParameterDeclaration, TemplateSource};

use super::body;
use crate::{
    call::Call,
    refusal::{Answer, Refusal},
    xml::Xml,
};

pub fn get(call: &mut Call<'_>) -> Answer {
    // Without macros, the processed template is the original one.
    call.params.without_effect(&["TemplateStage"]);
    let stack_name = call.params.text("StackName");
    let source = match (call.params.text("ChangeSetName"), stack_name) {
        (Some(change_set_name), stack_name) => TemplateSource::ChangeSet { change_set_name, stack_name },
        (None, Some(name)) => TemplateSource::Stack(name),
        (None, None) => return Err(Refusal::missing("StackName")),
    };
    let text = kura_cloudformation::get_template(call.state(), call.account(), &source)?;
    let mut x = Xml::query();
    x.text("TemplateBody", text).texts("StagesAvailable", ["Original", "Processed"]);
    Ok(x)
}

pub fn summarize(call: &mut Call<'_>) -> Answer {
    call.params.without_effect(&["TemplateSummaryConfig"]);
    let source = match (body(call)?, call.params.text("StackName")) {
        (Some(text), None) => TemplateSource::Body(text),
        (None, Some(name)) => TemplateSource::Stack(name),
        _ => return Err(Refusal::invalid("Give one of TemplateBody and StackName")),
    };
    let summary = kura_cloudformation::get_template_summary(call.state(), call.account(), &source)?;
    let mut x = Xml::query();
    x.list("Parameters", &summary.parameters, |x, parameter| {
        write(x, parameter);
        x.text("ParameterType", &parameter.parameter_type).within("ParameterConstraints", |x| {
            if !parameter.allowed_values.is_empty() {
                x.texts("AllowedValues", &parameter.allowed_values);
            }
        });
    })
    .maybe("Description", summary.description)
    .texts("ResourceTypes", summary.resource_types)
    .maybe("Version", summary.version)
    .maybe("Metadata", summary.metadata)
    .texts("DeclaredTransforms", [] as [&str; 0]);
    Ok(x)
}

pub fn validate(call: &mut Call<'_>) -> Answer {
    let text = body(call)?.ok_or_else(|| Refusal::missing("TemplateBody"))?;
    let summary = kura_cloudformation::validate_template(&text)?;
    let mut x = Xml::query();
    x.list("Parameters", &summary.parameters, write)
        .maybe("Description", summary.description)
        .texts("Capabilities", [] as [&str; 0])
        .texts("DeclaredTransforms", [] as [&str; 0]);
    Ok(x)
}

fn write(x: &mut Xml, parameter: &ParameterDeclaration) {
    x.text("ParameterKey", &parameter.key)
        .maybe("DefaultValue", parameter.default.as_ref())
        .text("NoEcho", parameter.no_echo)
        .maybe("Description", parameter.description.as_ref());
}
