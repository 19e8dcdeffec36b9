//! Signed by somebody else, or for something else.

use lacre_sign::Signer as _;
use lacre_testkit::{Forge, edit_bundle};

use super::{Attack, Kit, Made, NO_ARGS, payload};

pub(super) const SIGNERS: &[Attack] = &[
    Attack {
        name: "stranger",
        why: "signed by a key that is not trusted, and says so",
        exit: 5,
        code: "E-SIGNER-UNTRUSTED",
        args: NO_ARGS,
        make: |kit| kit.with(|sealed| Forge::new(payload(sealed), &kit.stranger).to_json()),
    },
    Attack {
        name: "stranger-under-trusted-hint",
        why: "signed by a stranger, and names the trusted key",
        exit: 3,
        code: "E-SIGNATURE-INVALID",
        args: NO_ARGS,
        make: |kit| {
            let hint = kit.release.public_key().hint();
            kit.with(|sealed| Forge::new(payload(sealed), &kit.stranger).hint(hint).to_json())
        },
    },
    Attack {
        name: "stranger-without-hint",
        why: "signed by a stranger, and names no key",
        exit: 3,
        code: "E-SIGNATURE-INVALID",
        args: NO_ARGS,
        make: |kit| kit.with(|sealed| Forge::new(payload(sealed), &kit.stranger).no_hint().to_json()),
    },
    Attack {
        name: "second-signature",
        why: "two signatures, of which one is good: which one counts?",
        exit: 13,
        code: "E-SIGNATURE-COUNT",
        args: NO_ARGS,
        make: |kit| {
            kit.with(|sealed| {
                let foreign = Forge::new(payload(sealed), &kit.stranger).to_value();
                let foreign = foreign["dsseEnvelope"]["signatures"][0].clone();
                edit_bundle(sealed.bundle(), |bundle| {
                    bundle["dsseEnvelope"]["signatures"].as_array_mut().unwrap().push(foreign);
                })
            })
        },
    },
    Attack {
        name: "other-model",
        why: "a model that the trusted key signed under another name, served in place of the wanted one",
        exit: 8,
        code: "E-NAME-MISMATCH",
        args: &["--expect-name", "org/mini-lm"],
        make: |kit| {
            let sealed = kit.seal().name("org/backdoored-demo").sign();
            Made { bundle: sealed.bundle().to_vec(), model: Kit::model() }
        },
    },
    Attack {
        name: "old-version",
        why: "an old version of the wanted model",
        exit: 8,
        code: "E-VERSION-MISMATCH",
        args: &["--expect-name", "org/mini-lm", "--expect-version", "1.0.1"],
        make: |kit| kit.after(|_| ()),
    },
    Attack {
        name: "python-pae",
        why: "signed over the encoding of model_signing 0.2, which does not bind the payload as DSSE does",
        exit: 13,
        code: "E-LEGACY",
        args: NO_ARGS,
        make: |kit| {
            kit.with(|sealed| {
                let payload = payload(sealed);
                let text = String::from_utf8(payload.clone()).unwrap();
                let kind = "application/vnd.in-toto+json";
                let message = format!("DSSEV1 {} {kind} {} b'{text}'", kind.len(), payload.len());
                let signature = kit.release.sign(message.as_bytes()).unwrap();
                Forge::new(payload, &kit.release).signature(signature).to_json()
            })
        },
    },
];
