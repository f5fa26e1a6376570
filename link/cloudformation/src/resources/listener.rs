//! `AWS::ElasticLoadBalancingV2::Listener`: TCP, forwarded to one target group.

use kura_model::{Change, ListenerArn, State, TargetGroupArn};
use serde_json::Value as Json;

use super::{
    Failure, Handler, Properties, Work,
    load_balancer::{ATTRIBUTE, attributes},
    schema::{Kind, Property},
};

pub(super) struct Listener;

const IDLE: &str = "tcp.idle_timeout.seconds";
/// Seconds a connection may idle unless a listener says otherwise.
const IDLE_DEFAULT: u32 = 350;
const FORWARD: &str = "a listener forwards to one target group";
const NO_TLS: &str = "TLS ends at the target";

const ACTION: &[Property] = &[
    Property::new("AuthenticateCognitoConfig", Kind::Unsupported(FORWARD)),
    Property::new("AuthenticateOidcConfig", Kind::Unsupported(FORWARD)),
    Property::new("FixedResponseConfig", Kind::Unsupported(FORWARD)),
    Property::new("ForwardConfig", Kind::Object(FORWARD_CONFIG)),
    Property::new("JwtValidationConfig", Kind::Unsupported(FORWARD)),
    Property::new("Order", Kind::Integer(1, 50000)),
    Property::new("RedirectConfig", Kind::Unsupported(FORWARD)),
    Property::new("TargetGroupArn", Kind::Text),
    Property::new("Type", Kind::Choice(&["forward"])).required(),
];
const FORWARD_CONFIG: &[Property] = &[
    Property::new("TargetGroupStickinessConfig", Kind::Unsupported(FORWARD)),
    Property::new("TargetGroups", Kind::Objects(TUPLE)),
];
const TUPLE: &[Property] =
    &[Property::new("TargetGroupArn", Kind::Text), Property::new("Weight", Kind::Integer(0, 999))];

fn port(properties: &Properties) -> Result<u16, Failure> {
    let port = properties.integer("Port").and_then(|port| u16::try_from(port).ok());
    port.ok_or_else(|| Failure::elb("ValidationError", "A listener port must be specified"))
}

fn target_group(properties: &Properties) -> Result<TargetGroupArn, Failure> {
    let [action] =
        properties.objects("DefaultActions").try_into().unwrap_or_else(|_| [Properties::default()]);
    let forward =
        action.object("ForwardConfig").map(|config| config.objects("TargetGroups")).unwrap_or_default();
    let named = match (action.optional("TargetGroupArn"), forward.as_slice()) {
        (Some(arn), []) => Some(arn),
        (None, [one]) => one.optional("TargetGroupArn"),
        (Some(arn), [one]) if one.text("TargetGroupArn") == arn => Some(arn),
        _ => None,
    };
    named.map(TargetGroupArn::from).ok_or_else(|| {
        Failure::elb(
            "ValidationError",
            "DefaultActions must be one action of type forward with one target group",
        )
    })
}

fn idle_timeout(properties: &Properties) -> Result<u32, Failure> {
    match attributes(properties, "ListenerAttributes", &[IDLE])?.first() {
        None => Ok(IDLE_DEFAULT),
        Some((_, value)) => value.parse().map_err(|_| {
            Failure::elb("ValidationError", format!("{IDLE} '{value}' must be from 60 to 6000"))
        }),
    }
}

impl Handler for Listener {
    fn properties(&self) -> &'static [Property] {
        const {
            &[
                Property::new("AlpnPolicy", Kind::Unsupported(NO_TLS)),
                Property::new("Certificates", Kind::Unsupported(NO_TLS)),
                Property::new("DefaultActions", Kind::Objects(ACTION)).required(),
                Property::new("ListenerAttributes", Kind::Objects(ATTRIBUTE)),
                Property::new("LoadBalancerArn", Kind::Text).required().create_only(),
                Property::new("MutualAuthentication", Kind::Unsupported(NO_TLS)),
                Property::new("Port", Kind::Integer(1, 65535)),
                Property::new("Protocol", Kind::Choice(&["TCP"])),
                Property::new("SslPolicy", Kind::Unsupported(NO_TLS)),
            ]
        }
    }

    fn attributes(&self) -> &'static [&'static str] {
        &["ListenerArn"]
    }

    fn taggable(&self) -> bool {
        false
    }

    fn exists(&self, state: &State, id: &str) -> bool {
        state.listeners.contains_key(id)
    }

    fn draw(&self, work: &mut Work<'_>, properties: &Properties) -> Result<String, Failure> {
        let balancer = properties.text("LoadBalancerArn").replacen(":loadbalancer/", ":listener/", 1);
        Ok(format!("{balancer}/{}", work.cloud.hex(16)))
    }

    fn create(&self, work: &mut Work<'_>, id: &str, properties: &Properties) -> Result<(), Failure> {
        if !properties.has("Protocol") {
            return Err(Failure::elb("ValidationError", "A listener protocol must be specified"));
        }
        idle_timeout(properties)?;
        work.elb(Change::CreateListener {
            arn: id.into(),
            load_balancer: properties.text("LoadBalancerArn").into(),
            port: port(properties)?,
            target_group: target_group(properties)?,
            tags: kura_model::Tags::new(),
        })?;
        self.update(work, id, properties, properties).map(drop)
    }

    fn update(
        &self,
        work: &mut Work<'_>,
        id: &str,
        _: &Properties,
        new: &Properties,
    ) -> Result<Option<String>, Failure> {
        let (port, group, idle) = (port(new)?, target_group(new)?, idle_timeout(new)?);
        let Some(stands) = work.state().listeners.get(id) else {
            return Err(Failure::elb("ListenerNotFound", format!("Listener '{id}' not found")));
        };
        let change = Change::ModifyListener {
            arn: stands.arn.clone(),
            port: (port != stands.port).then_some(port),
            target_group: (group != stands.target_group).then_some(group),
            idle_timeout: (idle != stands.idle_timeout).then_some(idle),
        };
        if !matches!(
            change,
            Change::ModifyListener { port: None, target_group: None, idle_timeout: None, .. }
        ) {
            work.elb(change)?;
        }
        Ok(None)
    }

    fn delete(&self, work: &mut Work<'_>, id: &str, _: &Properties) -> Result<(), Failure> {
        work.elb(Change::DeleteListener { arn: ListenerArn::new(id) })
    }

    fn attribute(&self, state: &State, id: &str, name: &str) -> Option<Json> {
        (self.exists(state, id) && name == "ListenerArn").then(|| id.into())
    }
}
