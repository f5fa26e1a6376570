//! Who is connected how: the consumer's host, the endpoints, the provider's cache, and the public side between them.

use std::net::Ipv4Addr;

use super::CELL;
use crate::report::Seen;

/// What stands where a value was not reached.
const NOT_REACHED: &str = "not reached";

/// The picture; the public way is drawn as shut once the report says so.
pub(crate) fn svg(seen: &Seen) -> String {
    let (before, after) =
        (addresses(seen.resolved_before.as_deref()), addresses(seen.resolved_after.as_deref()));
    let is_shut = seen.public_reachable_after_lockdown == Some(false);
    let shut = if is_shut { " shut" } else { "" };
    let left = number(seen.packets_to_public_after_lockdown);
    let refused = number(seen.packets_refused_after_lockdown);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 840 330\" role=\"img\" \
         aria-label=\"two ways from the host to the cache\">
<rect class=\"net\" x=\"10\" y=\"110\" width=\"410\" height=\"200\" rx=\"8\"/>
<text x=\"24\" y=\"300\">the consumer's VPC</text>
<rect class=\"net\" x=\"540\" y=\"110\" width=\"290\" height=\"200\" rx=\"8\"/>
<text x=\"554\" y=\"300\">the provider's VPC, same addresses</text>
<rect class=\"box\" x=\"30\" y=\"170\" width=\"130\" height=\"64\" rx=\"6\"/>
<text x=\"95\" y=\"198\" text-anchor=\"middle\">host</text>
<text class=\"small\" x=\"95\" y=\"216\" text-anchor=\"middle\">momento, SDKs</text>
<rect class=\"box\" x=\"230\" y=\"170\" width=\"176\" height=\"64\" rx=\"6\"/>
<text x=\"318\" y=\"192\" text-anchor=\"middle\">interface endpoint</text>
<text class=\"small private\" x=\"318\" y=\"212\" text-anchor=\"middle\">{after}</text>
<rect class=\"box\" x=\"560\" y=\"170\" width=\"110\" height=\"64\" rx=\"6\"/>
<text x=\"615\" y=\"206\" text-anchor=\"middle\">load balancer</text>
<rect class=\"box\" x=\"710\" y=\"170\" width=\"100\" height=\"64\" rx=\"6\"/>
<text x=\"760\" y=\"198\" text-anchor=\"middle\">kura</text>
<text class=\"small\" x=\"760\" y=\"216\" text-anchor=\"middle\">TLS on :443</text>
<rect class=\"box\" x=\"350\" y=\"14\" width=\"210\" height=\"64\" rx=\"6\"/>
<text x=\"455\" y=\"40\" text-anchor=\"middle\">public side</text>
<text class=\"small public\" x=\"455\" y=\"60\" text-anchor=\"middle\">{before}</text>
<path class=\"public{shut}\" d=\"M95 170 V46 H350\"/>
<path class=\"public{shut}\" d=\"M560 46 H615 V170\"/>
<path class=\"private\" d=\"M160 202 H230\"/><path class=\"private\" d=\"M406 202 H560\"/>
<path class=\"private\" d=\"M670 202 H710\"/>
<text class=\"small public\" x=\"104\" y=\"38\">after lock-down: {left} left, {refused} refused</text>
<text class=\"small private\" x=\"483\" y=\"194\" text-anchor=\"middle\">private link</text>
<text class=\"small\" x=\"30\" y=\"258\">cache.{CELL}</text>
</svg>"
    )
}

/// The report's verdicts as a table.
pub(crate) fn table(seen: &Seen) -> String {
    let rows = [
        (
            "the cache's name has",
            addresses(seen.resolved_before.as_deref()),
            addresses(seen.resolved_after.as_deref()),
        ),
        (
            "a cache get by the public address",
            works(seen.public_reachable_before_lockdown),
            works(seen.public_reachable_after_lockdown),
        ),
        ("a cache get by the endpoint", String::new(), works(seen.private_reachable_after_lockdown)),
        (
            "packets that left to the public side",
            number(seen.packets_to_public_before_lockdown),
            number(seen.packets_to_public_after_lockdown),
        ),
        ("packets refused on their way there", String::new(), number(seen.packets_refused_after_lockdown)),
    ];
    let mut table = "<table>\n<tr><th></th><th>before</th><th>after</th></tr>\n".to_owned();
    for (what, before, after) in rows {
        table += &format!("<tr><td>{what}</td><td>{before}</td><td>{after}</td></tr>\n");
    }
    table
        + "</table>\n<p>Before and after: of the name's addresses, the stack; of everything else, the lock-down, which \
           leaves the host one rule: to the endpoints' security group.</p>"
}

fn addresses(list: Option<&[Ipv4Addr]>) -> String {
    match list {
        None => NOT_REACHED.to_owned(),
        Some(list) => list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

fn works(reachable: Option<bool>) -> String {
    match reachable {
        None => NOT_REACHED,
        Some(true) => "comes back",
        Some(false) => "does not",
    }
    .to_owned()
}

fn number(value: Option<u64>) -> String {
    value.map_or_else(|| NOT_REACHED.to_owned(), |value| value.to_string())
}
