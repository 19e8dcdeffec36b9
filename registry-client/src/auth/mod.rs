//! Who asks.

mod origin;
mod scope;

pub(crate) use origin::Origin;
pub(crate) use scope::Scope;
