//! Statements, through the claim about a model that they make.

#![no_main]

use lacre_attest::{AttestError, CODES, Limits, ModelClaim, Statement};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { statement: 1 << 20, depth: 16 };

fn read(payload: &[u8]) -> Result<ModelClaim, AttestError> {
    ModelClaim::from_statement(&Statement::parse(payload, &LIMITS)?)
}

fuzz_target!(|payload: &[u8]| {
    // The form of model-signing 0.2 is read by the same rules, where it is read at all.
    if let Ok(claim) =
        Statement::parse(payload, &LIMITS).and_then(|it| ModelClaim::from_statement_or_legacy(&it))
    {
        assert_eq!(claim.is_legacy(), read(payload).is_err());
    }
    let claim = match read(payload) {
        Ok(claim) => claim,
        Err(error) => {
            assert!(CODES.contains(&error.code()), "{error:?}");
            return;
        }
    };
    let manifest = claim.manifest();
    assert!(!manifest.entries().is_empty());
    for ignored in claim.ignore_paths() {
        assert!(!manifest.entries().iter().any(|entry| entry.path.is_or_is_under(ignored)), "{ignored}");
    }
    if let Some(identity) = claim.identity() {
        assert_eq!(Some(*identity), manifest.identity());
        assert!(manifest.entries().iter().all(|entry| entry.size.is_some() && entry.blake3().is_some()));
    }

    if let Some(shape) = claim.shape() {
        assert!(shape.executable().iter().all(|path| manifest.get(path.as_str()).is_some()));
        assert!(shape.empty_folders().is_sorted() && shape.executable().is_sorted());
        let empty = shape.empty_folders();
        let is_empty = |name: &str| empty.binary_search_by(|folder| folder.as_str().cmp(name)).is_ok();
        for entry in manifest.entries() {
            let name = entry.path.as_str();
            assert!(!is_empty(name) && !name.match_indices('/').any(|(end, _)| is_empty(&name[..end])));
        }
    }

    // Written in Lacre's form, it makes the same claim, and writing that again changes nothing.
    let Ok(written) = claim.to_statement() else {
        assert!(claim.sha256_manifest().is_err(), "only digests that Lacre does not sign cannot be written");
        return;
    };
    let again = read(&written).expect("what is written is read");
    assert_eq!(again.to_statement().ok(), Some(written.clone()));
    assert_eq!(again.name(), claim.name());
    assert_eq!(again.version(), claim.version());
    assert_eq!(again.manifest(), manifest);
    assert_eq!(again.ignore_paths(), claim.ignore_paths());
    assert_eq!(again.identity(), claim.identity());
    assert_eq!(again.shape(), claim.shape());
    assert!(!again.single_file());
    assert_eq!(*again.root(), manifest.oms_root());
    let value: serde_json::Value = serde_json::from_slice(&written).expect("JSON");
    assert_eq!(lacre_json::to_vec(&value), written, "keys in order");
});
