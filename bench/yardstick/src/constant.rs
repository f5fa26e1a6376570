//! The generated `Scs` service answering constants: a hit of 64 bytes to `Get`, `Ok` to `Set`.
//!
//! Every other method of the service is refused: the generated trait wants them all, and a table of names is
//! the shortest way to say so.

use std::pin::Pin;

use momento_protos::cache_client as scs;
use scs::scs_server::Scs;
use tonic::codegen::tokio_stream::Stream;
use tonic::{Request, Response, Status};

/// Length of the value that every `Get` answers, bytes.
const BODY_BYTES: usize = 64;

/// The service: stateless, so that only the transport and the codec are measured.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Constant;

type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Writes the implementation of [`Scs`]: `get` and `set` answer, the methods of the table do not.
macro_rules! answer_get_and_set {
    ($($method:ident $request:ident $response:ident)*) => {
        #[tonic::async_trait]
        impl Scs for Constant {
            type GetBatchStream = Replies<scs::GetResponse>;
            type SetBatchStream = Replies<scs::SetResponse>;

            async fn get(&self, _: Request<scs::GetRequest>) -> Result<Response<scs::GetResponse>, Status> {
                Ok(Response::new(scs::GetResponse {
                    result: scs::ECacheResult::Hit.into(),
                    cache_body: vec![b'v'; BODY_BYTES],
                    message: String::new(),
                }))
            }

            async fn set(&self, _: Request<scs::SetRequest>) -> Result<Response<scs::SetResponse>, Status> {
                Ok(Response::new(scs::SetResponse {
                    result: scs::ECacheResult::Ok.into(),
                    message: String::new(),
                }))
            }

            async fn get_batch(
                &self,
                _: Request<scs::GetBatchRequest>,
            ) -> Result<Response<Self::GetBatchStream>, Status> {
                Err(Status::unimplemented("the yardstick answers Get and Set only"))
            }

            async fn set_batch(
                &self,
                _: Request<scs::SetBatchRequest>,
            ) -> Result<Response<Self::SetBatchStream>, Status> {
                Err(Status::unimplemented("the yardstick answers Get and Set only"))
            }

            $(async fn $method(
                &self,
                _: Request<scs::$request>,
            ) -> Result<Response<scs::$response>, Status> {
                Err(Status::unimplemented("the yardstick answers Get and Set only"))
            })*
        }
    };
}

answer_get_and_set! {
    get_with_hash GetWithHashRequest GetWithHashResponse
    set_if SetIfRequest SetIfResponse
    set_if_hash SetIfHashRequest SetIfHashResponse
    set_if_not_exists SetIfNotExistsRequest SetIfNotExistsResponse
    delete DeleteRequest DeleteResponse
    keys_exist KeysExistRequest KeysExistResponse
    increment IncrementRequest IncrementResponse
    update_ttl UpdateTtlRequest UpdateTtlResponse
    item_get_ttl ItemGetTtlRequest ItemGetTtlResponse
    item_get_type ItemGetTypeRequest ItemGetTypeResponse
    dictionary_get DictionaryGetRequest DictionaryGetResponse
    dictionary_fetch DictionaryFetchRequest DictionaryFetchResponse
    dictionary_set DictionarySetRequest DictionarySetResponse
    dictionary_increment DictionaryIncrementRequest DictionaryIncrementResponse
    dictionary_delete DictionaryDeleteRequest DictionaryDeleteResponse
    dictionary_length DictionaryLengthRequest DictionaryLengthResponse
    set_fetch SetFetchRequest SetFetchResponse
    set_sample SetSampleRequest SetSampleResponse
    set_union SetUnionRequest SetUnionResponse
    set_difference SetDifferenceRequest SetDifferenceResponse
    set_contains SetContainsRequest SetContainsResponse
    set_length SetLengthRequest SetLengthResponse
    set_pop SetPopRequest SetPopResponse
    list_push_front ListPushFrontRequest ListPushFrontResponse
    list_push_back ListPushBackRequest ListPushBackResponse
    list_pop_front ListPopFrontRequest ListPopFrontResponse
    list_pop_back ListPopBackRequest ListPopBackResponse
    list_erase ListEraseRequest ListEraseResponse
    list_remove ListRemoveRequest ListRemoveResponse
    list_fetch ListFetchRequest ListFetchResponse
    list_length ListLengthRequest ListLengthResponse
    list_concatenate_front ListConcatenateFrontRequest ListConcatenateFrontResponse
    list_concatenate_back ListConcatenateBackRequest ListConcatenateBackResponse
    list_retain ListRetainRequest ListRetainResponse
    sorted_set_put SortedSetPutRequest SortedSetPutResponse
    sorted_set_fetch SortedSetFetchRequest SortedSetFetchResponse
    sorted_set_get_score SortedSetGetScoreRequest SortedSetGetScoreResponse
    sorted_set_remove SortedSetRemoveRequest SortedSetRemoveResponse
    sorted_set_increment SortedSetIncrementRequest SortedSetIncrementResponse
    sorted_set_get_rank SortedSetGetRankRequest SortedSetGetRankResponse
    sorted_set_length SortedSetLengthRequest SortedSetLengthResponse
    sorted_set_length_by_score SortedSetLengthByScoreRequest SortedSetLengthByScoreResponse
    sorted_set_union_store SortedSetUnionStoreRequest SortedSetUnionStoreResponse
}
