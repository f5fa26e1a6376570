//! kura-front-grpc
