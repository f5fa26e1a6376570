//! Which call a path names.

/// A call that this server knows, by its gRPC path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "these are Momento's own names")]
pub enum Method {
    Get,
    Set,
    Delete,
    GetBatch,
    SetBatch,
    GetWithHash,
    SetIf,
    SetIfHash,
    SetIfNotExists,
    KeysExist,
    Increment,
    UpdateTtl,
    ItemGetTtl,
    ItemGetType,
    CreateCache,
    DeleteCache,
    ListCaches,
    FlushCache,
    CreateSigningKey,
    ListSigningKeys,
    RevokeSigningKey,
    RetiredIndex,
    Ping,
    Unknown,
}

impl Method {
    /// Every method, in order of its discriminant.
    pub const ALL: [Self; 24] = [
        Self::Get,
        Self::Set,
        Self::Delete,
        Self::GetBatch,
        Self::SetBatch,
        Self::GetWithHash,
        Self::SetIf,
        Self::SetIfHash,
        Self::SetIfNotExists,
        Self::KeysExist,
        Self::Increment,
        Self::UpdateTtl,
        Self::ItemGetTtl,
        Self::ItemGetType,
        Self::CreateCache,
        Self::DeleteCache,
        Self::ListCaches,
        Self::FlushCache,
        Self::CreateSigningKey,
        Self::ListSigningKeys,
        Self::RevokeSigningKey,
        Self::RetiredIndex,
        Self::Ping,
        Self::Unknown,
    ];

    /// The method that `path` names.
    #[must_use]
    pub fn of(path: &str) -> Self {
        if let Some(method) = path.strip_prefix("/cache_client.Scs/") {
            return match method {
                "Get" => Self::Get,
                "Set" => Self::Set,
                "Delete" => Self::Delete,
                "GetBatch" => Self::GetBatch,
                "SetBatch" => Self::SetBatch,
                "GetWithHash" => Self::GetWithHash,
                "SetIf" => Self::SetIf,
                "SetIfHash" => Self::SetIfHash,
                "SetIfNotExists" => Self::SetIfNotExists,
                "KeysExist" => Self::KeysExist,
                "Increment" => Self::Increment,
                "UpdateTtl" => Self::UpdateTtl,
                "ItemGetTtl" => Self::ItemGetTtl,
                "ItemGetType" => Self::ItemGetType,
                _ => Self::Unknown,
            };
        }
        match path {
            "/control_client.ScsControl/CreateCache" => Self::CreateCache,
            "/control_client.ScsControl/DeleteCache" => Self::DeleteCache,
            "/control_client.ScsControl/ListCaches" => Self::ListCaches,
            "/control_client.ScsControl/FlushCache" => Self::FlushCache,
            "/control_client.ScsControl/CreateSigningKey" => Self::CreateSigningKey,
            "/control_client.ScsControl/ListSigningKeys" => Self::ListSigningKeys,
            "/control_client.ScsControl/RevokeSigningKey" => Self::RevokeSigningKey,
            "/control_client.ScsControl/CreateIndex"
            | "/control_client.ScsControl/DeleteIndex"
            | "/control_client.ScsControl/ListIndexes" => Self::RetiredIndex,
            "/cache_client.Ping/Ping" => Self::Ping,
            _ => Self::Unknown,
        }
    }

    /// The method's name as a metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Get => "Get",
            Self::Set => "Set",
            Self::Delete => "Delete",
            Self::GetBatch => "GetBatch",
            Self::SetBatch => "SetBatch",
            Self::GetWithHash => "GetWithHash",
            Self::SetIf => "SetIf",
            Self::SetIfHash => "SetIfHash",
            Self::SetIfNotExists => "SetIfNotExists",
            Self::KeysExist => "KeysExist",
            Self::Increment => "Increment",
            Self::UpdateTtl => "UpdateTtl",
            Self::ItemGetTtl => "ItemGetTtl",
            Self::ItemGetType => "ItemGetType",
            Self::CreateCache => "CreateCache",
            Self::DeleteCache => "DeleteCache",
            Self::ListCaches => "ListCaches",
            Self::FlushCache => "FlushCache",
            Self::CreateSigningKey => "CreateSigningKey",
            Self::ListSigningKeys => "ListSigningKeys",
            Self::RevokeSigningKey => "RevokeSigningKey",
            Self::RetiredIndex => "RetiredIndex",
            Self::Ping => "Ping",
            Self::Unknown => "unknown",
        }
    }
}
