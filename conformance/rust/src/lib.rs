//! Nothing here: the tests are in `tests/`, their helpers in `momento-test-util`.
