//! Who signed, as it is told.

use lacre_sign::{Identity, Signer};
use serde_json::{Value, json};

use crate::printer::Line;
use crate::sigstore_trust::Known;

/// Who signed.
pub(in crate::cmd) struct Who {
    /// The key that signed, or null.
    pub(in crate::cmd) key: Value,
    /// The identity that signed, or null.
    pub(in crate::cmd) signer: Value,
    /// Either, for people.
    pub(in crate::cmd) row: Line,
}

impl Who {
    pub(super) fn of_key(key: &dyn Signer) -> Self {
        let (algorithm, hint) = (key.public_key().algorithm().as_str(), key.public_key().hint());
        let row = Line::row("key", format!("{algorithm} sha256:{hint}"));
        Self { key: json!({ "algorithm": algorithm, "hint": hint }), signer: Value::Null, row }
    }

    pub(super) fn of_identity(identity: &Identity, sigstore: Option<&Known>) -> Self {
        let signer = json!({
            "identity": identity.subject,
            "issuer": identity.issuer,
            "sigstore": sigstore.map(Known::json),
        });
        let row = Line::row("signer", format!("{}, as {} knows them", identity.subject, identity.issuer));
        Self { key: Value::Null, signer, row }
    }
}
