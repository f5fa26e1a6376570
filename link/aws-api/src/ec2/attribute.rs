//! Single attributes of instances and network interfaces.

use kura_model::{Change, InterfaceId, NetworkInterface};

use crate::{
    call::Call,
    ec2::{done, group, instance, interface, rule::group_set},
    refusal::{Answer, Refusal},
    xml::Xml,
};

/// Groups, which belong to the instance's interface.
pub fn modify_of_instance(call: &mut Call<'_>) -> Answer {
    let id = call.params.need("InstanceId")?;
    let groups = group_set(call.params.texts("GroupId"));
    if groups.is_empty() {
        return Err(Refusal::new(
            "MissingParameter",
            "Only groups can be modified (GroupId.1), and none is given",
        ));
    }
    let interface = instance::find(call, &id)?.interface.clone();
    let interface = interface.ok_or_else(|| {
        Refusal::new("IncorrectInstanceState", format!("The instance '{id}' is terminated"))
    })?;
    call.change(Change::ModifyInterface { id: interface, groups: Some(groups), description: None })?;
    Ok(done())
}

pub fn modify_of_interface(call: &mut Call<'_>) -> Answer {
    let id = InterfaceId::new(call.params.need("NetworkInterfaceId")?);
    let groups = Some(group_set(call.params.texts("SecurityGroupId"))).filter(|groups| !groups.is_empty());
    let description = call.params.text("Description.Value");
    if groups.is_none() && description.is_none() {
        return Err(Refusal::new(
            "MissingParameter",
            "Groups (SecurityGroupId.1) and Description can be modified, and neither is given",
        ));
    }
    call.change(Change::ModifyInterface { id, groups, description })?;
    Ok(done())
}

pub fn describe_of_instance(call: &mut Call<'_>) -> Answer {
    let id = call.params.need("InstanceId")?;
    let attribute = call.params.need("Attribute")?;
    let instance = instance::find(call, &id)?;
    let mut x = Xml::ec2();
    x.text("instanceId", &instance.id);
    let value = match attribute.as_str() {
        "instanceType" => instance.instance_type.clone(),
        "userData" => instance.user_data.clone().unwrap_or_default(),
        "disableApiTermination" | "disableApiStop" | "ebsOptimized" => "false".into(),
        "sourceDestCheck" => "true".into(),
        "instanceInitiatedShutdownBehavior" => "stop".into(),
        "rootDeviceName" => "/dev/xvda".into(),
        "groupSet" => {
            let groups = instance::interface(call.state(), instance).map(|interface| &interface.groups);
            group::write_set(&mut x, call.state(), groups.into_iter().flatten());
            return Ok(x);
        }
        other => return Err(unknown(other)),
    };
    x.within(&attribute, |x| {
        if !value.is_empty() {
            x.text("value", &value);
        }
    });
    Ok(x)
}

pub fn describe_of_interface(call: &mut Call<'_>) -> Answer {
    let id = call.params.need("NetworkInterfaceId")?;
    let attribute = call.params.need("Attribute")?;
    let found = call.state().interfaces.get(id.as_str()).filter(|one| one.owner == *call.account());
    let found: &NetworkInterface = found.ok_or_else(|| {
        let message = format!("The networkInterface ID '{id}' does not exist");
        Refusal::new("InvalidNetworkInterfaceID.NotFound", message)
    })?;
    let mut x = Xml::ec2();
    x.text("networkInterfaceId", &found.id);
    match attribute.as_str() {
        "description" => {
            x.within("description", |x| {
                x.text("value", &found.description);
            });
        }
        "groupSet" => group::write_set(&mut x, call.state(), &found.groups),
        "sourceDestCheck" => {
            x.within("sourceDestCheck", |x| {
                x.text("value", true);
            });
        }
        "attachment" => interface::write_attachment(&mut x, found, true),
        other => return Err(unknown(other)),
    }
    Ok(x)
}

fn unknown(attribute: &str) -> Refusal {
    Refusal::invalid(format!("Value ({attribute}) for parameter attribute is invalid. Unknown attribute."))
}
