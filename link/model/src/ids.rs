//! Identifiers as AWS writes them: a prefix and seventeen hexadecimal digits, or an account's twelve digits.
//!
//! Drawing one needs randomness, so they are drawn at the rim and handed in. A value of these types is any text:
//! what a user typed stays what it was until it is looked up.

use std::{borrow::Borrow, fmt};

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// What every identifier of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// Takes the text as it stands.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    )*};
}

ids! {
    /// An AWS account: twelve digits.
    AccountId = "";
    /// A virtual private cloud.
    VpcId = "vpc-";
    /// A subnet.
    SubnetId = "subnet-";
    /// An internet gateway.
    GatewayId = "igw-";
    /// A route table.
    RouteTableId = "rtb-";
    /// A route table's association with a subnet, or with its VPC as the main one.
    AssociationId = "rtbassoc-";
    /// A security group.
    GroupId = "sg-";
    /// A rule of a security group.
    RuleId = "sgr-";
    /// A network interface.
    InterfaceId = "eni-";
    /// A network interface's attachment to an instance.
    AttachmentId = "eni-attach-";
    /// An instance.
    InstanceId = "i-";
    /// The launch that made some instances.
    ReservationId = "r-";
    /// An endpoint service.
    ServiceId = "vpce-svc-";
    /// A VPC endpoint.
    EndpointId = "vpce-";
    /// A load balancer, by its ARN.
    LoadBalancerArn = "arn:";
    /// A target group, by its ARN.
    TargetGroupArn = "arn:";
    /// A listener, by its ARN.
    ListenerArn = "arn:";
    /// A stack, by its ARN.
    StackId = "arn:";
    /// A change set, by its ARN.
    ChangeSetId = "arn:";
}
