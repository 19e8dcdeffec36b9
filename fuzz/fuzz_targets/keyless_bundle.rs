//! Keyless bundles: whatever is read ends in a code, and nothing that is not a signature of somebody is accepted.

#![no_main]

use std::sync::OnceLock;
use std::time::SystemTime;

use lacre_attest::{Bundle, Limits};
use lacre_verify::sigstore_layer_that_proves_no_model::{
    Content, KeylessInput, MessageHash, Pieces, SigningMaterial, TrustedRoot, Version, verify, verify_pieces,
};
use lacre_verify::{CODES, KeylessIdentity, SubjectMatch, VerifyError};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { statement: 64 * 1024, depth: 16 };

fn root() -> &'static TrustedRoot {
    static ROOT: OnceLock<TrustedRoot> = OnceLock::new();
    ROOT.get_or_init(|| TrustedRoot::public_good().expect("the embedded root"))
}

fn known(error: &VerifyError) {
    let code = error.code();
    assert!(CODES.contains(&code) || lacre_attest::CODES.contains(&code), "{code}: {error}");
}

fuzz_target!(|text: &[u8]| {
    if let Err(error) = TrustedRoot::from_json(text, &LIMITS) {
        known(&error);
    }
    let Ok(bundle) = Bundle::parse(text, &LIMITS) else { return };
    let nobody =
        KeylessIdentity::new(SubjectMatch::Exact("nobody".to_owned()), "nobody").expect("an identity");
    let now = SystemTime::now();
    let identities = [nobody];
    let input = KeylessInput { bundle: &bundle, limits: &LIMITS, root: root(), identities: &identities, now };
    // The seeds are good bundles: who signed them is not expected here.
    known(&verify(&input).expect_err("nobody signs"));
    // The same evidence beside another content and another certificate reaches the crate behind our own checks.
    let lacre_attest::Material::Certificates(held) = bundle.material() else { return };
    for version in [Version::V01, Version::V02, Version::V03] {
        let pieces = Pieces {
            version,
            content: Content::Message {
                signature: bundle.envelope().signature(),
                digest: Some((MessageHash::Sha256, bundle.envelope().payload().to_vec())),
                message: Ok(bundle.envelope().payload()),
            },
            material: SigningMaterial::Chain(held.certificates()),
            entries: bundle.log_entries_json().collect(),
            timestamps: bundle.timestamps_json().collect(),
        };
        known(&verify_pieces(&pieces, root(), &identities, now).expect_err("nobody signs"));
    }
});
