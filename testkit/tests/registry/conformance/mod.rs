//! The rules of the OCI distribution specification 1.1, in its own order: pull, push, content discovery, content
//! management. `end-N` are its endpoints.

mod discovery;
mod management;
mod pull;
mod push;
mod uploads;
