//! The one image and the one size: what tools ask for before they launch.

use crate::{call::Call, listing::Kind, refusal::Answer, xml::Xml};

/// What an instance is: no image is needed for a namespace, and any `ami-…` launches the same.
const IMAGE: &str = "ami-00000000000000001";
const NAME: &str = "kura-link-namespace";
const TYPE: &str = "t3.micro";
const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };

const IMAGES: Kind<&str> = Kind {
    parameter: "ImageId",
    not_found: "InvalidAMIID.NotFound",
    noun: "image id",
    prefix: "ami-",
    id: |image| image,
    tags: None,
    filters: &[
        ("architecture", |_, _| vec![ARCHITECTURE.into()]),
        ("image-id", |_, _| vec![IMAGE.into()]),
        ("is-public", |_, _| vec!["true".into()]),
        ("name", |_, _| vec![NAME.into()]),
        ("owner-alias", |_, _| vec!["amazon".into()]),
        ("root-device-type", |_, _| vec!["ebs".into()]),
        ("state", |_, _| vec!["available".into()]),
        ("virtualization-type", |_, _| vec!["hvm".into()]),
    ],
    page: (1, 1000),
};

const TYPES: Kind<&str> = Kind {
    parameter: "InstanceType",
    not_found: "InvalidInstanceType",
    noun: "instance type",
    prefix: "",
    id: |name| name,
    tags: None,
    filters: &[
        ("instance-type", |_, _| vec![TYPE.into()]),
        ("processor-info.supported-architecture", |_, _| vec![ARCHITECTURE.into()]),
    ],
    page: (5, 100),
};

pub fn describe_images(call: &mut Call<'_>) -> Answer {
    call.params.without_effect(&["IncludeDeprecated", "IncludeDisabled"]);
    let owners = call.params.texts("Owner");
    let shown = owners.is_empty() || owners.iter().any(|owner| owner == "amazon");
    let page = IMAGES.page(call, shown.then_some(IMAGE))?;
    let mut x = Xml::ec2();
    x.list("imagesSet", page.items, |x, image| {
        x.text("imageId", image)
            .text("imageLocation", format!("amazon/{NAME}"))
            .text("imageState", "available")
            .text("imageOwnerId", "amazon")
            .text("imageOwnerAlias", "amazon")
            .text("isPublic", true)
            .text("name", NAME)
            .text("description", "A network namespace of this machine; every image id launches one")
            .text("architecture", ARCHITECTURE)
            .text("imageType", "machine")
            .text("rootDeviceType", "ebs")
            .text("rootDeviceName", "/dev/xvda")
            .text("virtualizationType", "hvm")
            .text("hypervisor", "xen")
            .text("creationDate", "2026-01-01T00:00:00.000Z")
            .texts("blockDeviceMapping", [] as [&str; 0]);
    })
    .maybe("nextToken", page.next);
    Ok(x)
}

pub fn describe_types(call: &mut Call<'_>) -> Answer {
    let page = TYPES.page(call, [TYPE])?;
    let mut x = Xml::ec2();
    x.list("instanceTypeSet", page.items, |x, name| {
        x.text("instanceType", name)
            .text("currentGeneration", true)
            .texts("supportedUsageClasses", ["on-demand"])
            .texts("supportedRootDeviceTypes", ["ebs"])
            .texts("supportedVirtualizationTypes", ["hvm"])
            .within("processorInfo", |x| {
                x.texts("supportedArchitectures", [ARCHITECTURE]);
            })
            .within("networkInfo", |x| {
                x.text("maximumNetworkInterfaces", 1)
                    .text("ipv4AddressesPerInterface", 1)
                    .text("ipv6Supported", false);
            });
    })
    .maybe("nextToken", page.next);
    Ok(x)
}
