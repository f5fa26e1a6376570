//! AWS's default quotas, from its quota pages (VPC, PrivateLink, Network Load Balancers).

/// VPCs of an account, and internet gateways.
pub const VPCS: usize = 5;
/// Subnets of a VPC, and route tables.
pub const PER_VPC: usize = 200;
/// Routes of a route table.
pub const ROUTES: usize = 500;
/// Security groups of an account.
pub const GROUPS: usize = 2500;
/// Rules of a security group in one direction.
pub const RULES: usize = 60;
/// Security groups of a network interface.
pub const GROUPS_PER_INTERFACE: usize = 5;
/// Interface endpoints of a VPC.
pub const ENDPOINTS: usize = 50;
/// Characters of an endpoint's policy.
pub const POLICY: usize = 20_480;
/// Tags of a resource.
pub const TAGS: usize = 50;
/// Load balancers of an account.
pub const LOAD_BALANCERS: usize = 50;
/// Listeners of a load balancer.
pub const LISTENERS: usize = 50;
