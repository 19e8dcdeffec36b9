//! Keyless signatures, made and verified beside a Sigstore on this machine.

use std::fs;

use lacre_testkit::{ModelDir, Stack, TufDraft, TufRepository};

use crate::bench::{Bench, model_signing};

const WHO: &str = "release@example.test";

/// A model, and the token of somebody whom the local Sigstore knows.
fn bench(stack: &Stack) -> Bench {
    let bench = Bench::new("ecdsa-p256", ModelDir::sample());
    fs::write(bench.path("token"), stack.issuer().token(WHO)).unwrap();
    bench
}

fn sign(stack: &Stack) -> String {
    format!(
        "sign model --name org/mini-lm --keyless --identity-token-file token --trust-config {}",
        stack.trust_config().display()
    )
}

fn verify(stack: &Stack, who: &str) -> String {
    let root = stack.trusted_root();
    format!(
        "verify model --issuer {} --identity {who} --trusted-root {}",
        stack.issuer().url(),
        root.display()
    )
}

#[test]
fn an_identity_signs_and_is_verified() {
    let Some(stack) = Stack::start() else { return };
    let bench = bench(&stack);
    let signed = bench.lacre(&format!("{} --publish-identity", sign(&stack)));
    assert_eq!(signed["signer"]["identity"], WHO);
    let verified = bench.lacre(&verify(&stack, WHO));
    assert_eq!(
        (&verified["signer"]["kind"], &verified["signer"]["identity"]),
        (&"keyless".into(), &WHO.into())
    );
    assert_ne!(verified["signed_at"], "unproven");
    bench.lacre_refuses(&verify(&stack, "other@example.test"), 5, "E-IDENTITY-MISMATCH");
    bench.lacre_refuses("verify model --key k.pub", 5, "E-SIGNER-UNTRUSTED");
    if let Some(peer) = model_signing() {
        bench.peer(
            &peer,
            &format!(
                "verify sigstore model --signature model/model.sig --identity {WHO} --identity_provider {} --trust_config {}",
                stack.issuer().url(),
                stack.trust_config().display()
            ),
        );
    }
}

#[test]
fn nothing_is_signed_before_the_identity_may_become_public() {
    let Some(stack) = Stack::start() else { return };
    let bench = bench(&stack);
    bench.lacre_refuses(&sign(&stack), 130, "E-DECLINED");
    bench.lacre_refuses(&format!("{} --publish-identity --offline", sign(&stack)), 2, "E-USAGE");
    bench.lacre_refuses(&format!("{} --key k.key", sign(&stack)), 2, "E-USAGE");
    fs::write(bench.path("token"), "no token").unwrap();
    bench.lacre_refuses(&format!("{} --publish-identity", sign(&stack)), 12, "E-TOKEN");
    assert!(!bench.path("model/model.sig").exists());
}

#[test]
fn trust_that_came_from_a_repository_signs_and_verifies() {
    let Some(stack) = Stack::start() else { return };
    let bench = bench(&stack);
    let read = |path| fs::read(path).unwrap();
    let repository = TufRepository::start(&TufDraft::new(vec![
        ("trusted_root.json", read(stack.trusted_root())),
        ("signing_config.v0.2.json", read(stack.signing_config())),
    ]));
    fs::write(bench.path("root.json"), repository.root()).unwrap();
    bench.lacre(&format!("trust update --mirror {} --root root.json --to trust.json", repository.url()));
    let who = "sign model --name org/mini-lm --keyless --identity-token-file token --publish-identity";
    bench.lacre(&format!("{who} --trust-config trust.json"));
    let asked = repository.seen().len();
    let verify = format!("verify model --issuer {} --identity {WHO}", stack.issuer().url());
    let verified = bench.lacre(&format!("{verify} --trusted-root trust.json"));
    assert_eq!(verified["sigstore"]["repository"], repository.url());
    // Another Sigstore's keys: those that are built in.
    bench.lacre_refuses(&verify, 3, "E-TIMESTAMP");
    assert_eq!(repository.seen().len(), asked);
}
