//! Channel documents: one document has one form, and what is decided by it keeps the rules, whatever it says.

#![no_main]

use lacre_release::{
    AttestationRef, CODES, ChannelDocument, Floors, Permit, ReleaseError, Request, Seen, Status, Wanted,
    compare_documents, decide,
};
use libfuzzer_sys::fuzz_target;

/// Releases of one document that are asked for.
const ASKED: usize = 16;

fn known(error: &ReleaseError) {
    let code = error.code();
    assert!(CODES.contains(&code) || lacre_json::CODES.contains(&code), "{code}: {error}");
}

fn keeps_the_rules(document: &ChannelDocument, request: &Request<'_>, permit: &Permit) {
    let release = permit.release();
    assert!(document.releases.contains(release));
    assert!(matches!(release.status, Status::Active | Status::Deprecated), "{release:?}");
    assert!(request.now < document.expires);
    assert!(release.counter >= permit.floor() && permit.floor() >= document.floor.counter);
    assert!(permit.floor() >= request.floors.local);
    assert!(request.required.len() <= release.attestations.len());
}

fn decide_everything(document: &ChannelDocument) {
    let mut wanted = vec![Wanted::Current];
    for release in document.releases.iter().take(ASKED) {
        wanted.push(Wanted::Version(release.version.clone()));
        wanted.push(Wanted::Manifest(release.manifest.sha256));
        wanted.push(Wanted::Contents(release.model_digests));
    }
    let first: Option<&AttestationRef> = document.releases.first().and_then(|it| it.attestations.first());
    let presented: Vec<AttestationRef> = first.into_iter().cloned().collect();
    let types: Vec<&str> = presented.iter().map(|it| it.predicate_type.as_str()).collect();
    for wanted in wanted {
        for (now, instance, local) in [
            (document.issued, None, 0),
            (document.issued, Some("node-1"), document.floor.counter),
            (document.expires, Some("node-1"), u64::MAX),
        ] {
            for required in [[].as_slice(), types.as_slice()] {
                let floors = Floors { local, policy: None };
                let wanted = wanted.clone();
                let request = Request { wanted, instance, now, floors, required, presented: &presented };
                match decide(document, &request) {
                    Ok(permit) => keeps_the_rules(document, &request, &permit),
                    Err(error) => known(&error),
                }
            }
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    match ChannelDocument::parse(bytes) {
        Ok(document) => assert_eq!(document.to_bytes(), bytes),
        Err(error) => known(&error),
    }
    // What says the same in another form is refused, so that few inputs come this far. Here they are put into form.
    let Ok(document) = serde_json::from_slice::<ChannelDocument>(bytes) else { return };
    if let Err(error) = document.check() {
        return known(&error);
    }
    match ChannelDocument::parse(&document.to_bytes()) {
        Ok(read) => assert_eq!(read, document),
        Err(error) => panic!("what was written is not read: {error}"),
    }
    let seen = Seen::of(&document);
    compare_documents(&seen, &seen).expect("a document is no replay of itself");
    decide_everything(&document);
});
