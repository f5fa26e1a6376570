//! Which call a path names.

macro_rules! methods {
    ($($method:ident $path:literal),* $(,)?) => {
        /// A call that this server knows, by its gRPC path.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "these are Momento's own names")]
        pub enum Method {
            $($method,)*
            Unknown,
        }

        impl Method {
            /// Every method, in order of its discriminant.
            pub const ALL: [Self; [$($path,)* "unknown"].len()] = [$(Self::$method,)* Self::Unknown];

            /// The method that `path` names.
            #[must_use]
            pub fn of(path: &str) -> Self {
                match path {
                    $($path => Self::$method,)*
                    _ => Self::Unknown,
                }
            }

            /// The path that names this method.
            #[must_use]
            pub fn path(self) -> &'static str {
                match self {
                    $(Self::$method => $path,)*
                    Self::Unknown => "unknown",
                }
            }

            /// The method's name as a metric label.
            #[must_use]
            pub fn label(self) -> &'static str {
                self.path().rsplit('/').next().unwrap_or("unknown")
            }
        }
    };
}

methods! {
    Get "/cache_client.Scs/Get",
    Set "/cache_client.Scs/Set",
    Delete "/cache_client.Scs/Delete",
    GetBatch "/cache_client.Scs/GetBatch",
    SetBatch "/cache_client.Scs/SetBatch",
    GetWithHash "/cache_client.Scs/GetWithHash",
    SetIf "/cache_client.Scs/SetIf",
    SetIfHash "/cache_client.Scs/SetIfHash",
    SetIfNotExists "/cache_client.Scs/SetIfNotExists",
    KeysExist "/cache_client.Scs/KeysExist",
    Increment "/cache_client.Scs/Increment",
    UpdateTtl "/cache_client.Scs/UpdateTtl",
    ItemGetTtl "/cache_client.Scs/ItemGetTtl",
    ItemGetType "/cache_client.Scs/ItemGetType",
    DictionaryGet "/cache_client.Scs/DictionaryGet",
    DictionaryFetch "/cache_client.Scs/DictionaryFetch",
    DictionarySet "/cache_client.Scs/DictionarySet",
    DictionaryIncrement "/cache_client.Scs/DictionaryIncrement",
    DictionaryDelete "/cache_client.Scs/DictionaryDelete",
    DictionaryLength "/cache_client.Scs/DictionaryLength",
    SetFetch "/cache_client.Scs/SetFetch",
    SetSample "/cache_client.Scs/SetSample",
    SetUnion "/cache_client.Scs/SetUnion",
    SetDifference "/cache_client.Scs/SetDifference",
    SetContains "/cache_client.Scs/SetContains",
    SetLength "/cache_client.Scs/SetLength",
    SetPop "/cache_client.Scs/SetPop",
    ListPushFront "/cache_client.Scs/ListPushFront",
    ListPushBack "/cache_client.Scs/ListPushBack",
    ListPopFront "/cache_client.Scs/ListPopFront",
    ListPopBack "/cache_client.Scs/ListPopBack",
    ListErase "/cache_client.Scs/ListErase",
    ListRemove "/cache_client.Scs/ListRemove",
    ListFetch "/cache_client.Scs/ListFetch",
    ListLength "/cache_client.Scs/ListLength",
    ListConcatenateFront "/cache_client.Scs/ListConcatenateFront",
    ListConcatenateBack "/cache_client.Scs/ListConcatenateBack",
    ListRetain "/cache_client.Scs/ListRetain",
    SortedSetPut "/cache_client.Scs/SortedSetPut",
    SortedSetFetch "/cache_client.Scs/SortedSetFetch",
    SortedSetGetScore "/cache_client.Scs/SortedSetGetScore",
    SortedSetRemove "/cache_client.Scs/SortedSetRemove",
    SortedSetIncrement "/cache_client.Scs/SortedSetIncrement",
    SortedSetGetRank "/cache_client.Scs/SortedSetGetRank",
    SortedSetLength "/cache_client.Scs/SortedSetLength",
    SortedSetLengthByScore "/cache_client.Scs/SortedSetLengthByScore",
    SortedSetUnionStore "/cache_client.Scs/SortedSetUnionStore",
    Publish "/cache_client.pubsub.Pubsub/Publish",
    Subscribe "/cache_client.pubsub.Pubsub/Subscribe",
    UpsertElements "/leaderboard.Leaderboard/UpsertElements",
    RemoveElements "/leaderboard.Leaderboard/RemoveElements",
    DeleteLeaderboard "/leaderboard.Leaderboard/DeleteLeaderboard",
    GetByRank "/leaderboard.Leaderboard/GetByRank",
    GetByScore "/leaderboard.Leaderboard/GetByScore",
    GetRank "/leaderboard.Leaderboard/GetRank",
    GetCompetitionRank "/leaderboard.Leaderboard/GetCompetitionRank",
    GetLeaderboardLength "/leaderboard.Leaderboard/GetLeaderboardLength",
    GenerateDisposableToken "/token.Token/GenerateDisposableToken",
    GenerateApiToken "/auth.Auth/GenerateApiToken",
    RefreshApiToken "/auth.Auth/RefreshApiToken",
    Login "/auth.Auth/Login",
    CreateCache "/control_client.ScsControl/CreateCache",
    DeleteCache "/control_client.ScsControl/DeleteCache",
    ListCaches "/control_client.ScsControl/ListCaches",
    FlushCache "/control_client.ScsControl/FlushCache",
    CreateSigningKey "/control_client.ScsControl/CreateSigningKey",
    ListSigningKeys "/control_client.ScsControl/ListSigningKeys",
    RevokeSigningKey "/control_client.ScsControl/RevokeSigningKey",
    CreateIndex "/control_client.ScsControl/CreateIndex",
    DeleteIndex "/control_client.ScsControl/DeleteIndex",
    ListIndexes "/control_client.ScsControl/ListIndexes",
    PutFunction "/function.FunctionRegistry/PutFunction",
    PutFunctionConfig "/function.FunctionRegistry/PutFunctionConfig",
    PutWasm "/function.FunctionRegistry/PutWasm",
    ListFunctions "/function.FunctionRegistry/ListFunctions",
    ListFunctionVersions "/function.FunctionRegistry/ListFunctionVersions",
    ListWasms "/function.FunctionRegistry/ListWasms",
    DeleteFunction "/function.FunctionRegistry/DeleteFunction",
    DeleteWasm "/function.FunctionRegistry/DeleteWasm",
    InvokeWebFunction "/function.FunctionHost/InvokeWebFunction",
    PutWebhook "/webhook.Webhook/PutWebhook",
    DeleteWebhook "/webhook.Webhook/DeleteWebhook",
    ListWebhooks "/webhook.Webhook/ListWebhooks",
    GetWebhookSecret "/webhook.Webhook/GetWebhookSecret",
    RotateWebhookSecret "/webhook.Webhook/RotateWebhookSecret",
    Ping "/cache_client.Ping/Ping",
}

/// How a call is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One message in, one out, on one key; answered without waiting.
    Scalar,
    /// On many keys.
    Batch,
    /// On a dictionary, set, list or sorted set.
    Collection,
    /// On a leaderboard.
    Leaderboard,
    /// Publishing and subscribing.
    Topic,
    /// Making and renewing tokens.
    Token,
    /// On caches and signing keys.
    Control,
    /// Of Momento's, but not of this server's; why not.
    Absent(&'static str),
    /// Whether this server can be reached; without credentials.
    Ping,
    /// Nobody's.
    Unknown,
}

impl Method {
    /// How this call is carried out.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Unknown => Kind::Unknown,
            Self::Ping => Kind::Ping,
            Self::GetBatch | Self::SetBatch | Self::KeysExist => Kind::Batch,
            Self::Publish | Self::Subscribe => Kind::Topic,
            Self::GenerateDisposableToken | Self::GenerateApiToken | Self::RefreshApiToken | Self::Login => {
                Kind::Token
            }
            Self::CreateIndex | Self::DeleteIndex | Self::ListIndexes => Kind::Absent(
                "vector indexes are retired: Momento's service ended them and this server never had them",
            ),
            _ if (self as u8) < Self::DictionaryGet as u8 => Kind::Scalar,
            _ if (self as u8) < Self::Publish as u8 => Kind::Collection,
            _ if (self as u8) < Self::GenerateDisposableToken as u8 => Kind::Leaderboard,
            _ if (self as u8) < Self::CreateIndex as u8 => Kind::Control,
            _ if (self as u8) < Self::PutWebhook as u8 => Kind::Absent(
                "functions run in Momento's own cloud; this server has none, so call your own service instead",
            ),
            _ => Kind::Absent(
                "webhooks are not offered by this server: subscribe to the topic and call your endpoint yourself",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_names_its_method_and_nothing_else_does() {
        for method in Method::ALL {
            assert_eq!(Method::of(method.path()), method);
        }
        for path in ["", "/", "/cache_client.Scs/", "/cache_client.Scs/get", "/cache_client.Scs/Get/", "Get"]
        {
            assert_eq!(Method::of(path), Method::Unknown, "{path:?}");
        }
    }

    #[test]
    fn each_service_is_carried_out_in_its_own_way() {
        for method in Method::ALL {
            let service = method.path().split('/').nth(1).unwrap_or_default();
            let expected = match method.kind() {
                Kind::Scalar | Kind::Batch | Kind::Collection => "cache_client.Scs",
                Kind::Leaderboard => "leaderboard.Leaderboard",
                Kind::Topic => "cache_client.pubsub.Pubsub",
                Kind::Token => {
                    if method == Method::GenerateDisposableToken {
                        "token.Token"
                    } else {
                        "auth.Auth"
                    }
                }
                Kind::Control => "control_client.ScsControl",
                Kind::Ping => "cache_client.Ping",
                Kind::Unknown => "",
                Kind::Absent(_) => service,
            };
            assert_eq!(service, expected, "{method:?}");
            assert_eq!(
                method.kind() == Kind::Collection,
                [
                    "Dictionary",
                    "List",
                    "SortedSet",
                    "SetFetch",
                    "SetSample",
                    "SetUnion",
                    "SetDifference",
                    "SetContains",
                    "SetLength",
                    "SetPop"
                ]
                .iter()
                .any(|start| method.label().starts_with(start) && service == "cache_client.Scs"),
                "{method:?}"
            );
        }
    }
}
