//! What all services over HTTP have in common: addresses, TLS, one token for all callers, requests that are tried again. It
//! knows none of the services.

pub mod address;
pub mod jwt;
pub mod tls;
