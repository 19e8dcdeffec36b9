//! The policies to begin from load, and do what they say.

use lacre_testkit::{ModelDir, SafetensorsFile};
use lacre_verify::Preset;

use crate::scene::{KEY, OTHER, lay, of, verdict};

#[test]
fn each_loads_and_judges() {
    let keys = [KEY.public_key().clone()];
    let good = || {
        ModelDir::new().file("config.json", "{}").file("model.safetensors", SafetensorsFile::sample().build())
    };
    let pickled = || good().file("model.bin", b"\x80\x04");
    let gguf = || good().file("model.gguf", [b"GGUF\x03\0\0\0".as_slice(), &[0; 16]].concat());
    let (format, waived) = ("E-POLICY-FORMAT", "waived E-POLICY-FORMAT");
    for (preset, with_gguf, with_pickle, unsigned) in [
        (Preset::Strict, format, format, "E-EXCLUDED"),
        (Preset::Team, "strict", format, "strict"),
        (Preset::AirGapped, "strict", format, "E-EXCLUDED"),
        (Preset::Audit, waived, waived, "strict"),
    ] {
        let text = preset.text(&keys);
        assert_eq!(verdict(&text, &of(good()).sign()), "strict", "{preset:?}");
        assert_eq!(verdict(&text, &of(gguf()).sign()), with_gguf, "{preset:?}");
        assert_eq!(verdict(&text, &of(pickled()).sign()), with_pickle, "{preset:?}");
        let ignoring = of(good().file(".git/HEAD", "ref")).ignore(&[".git"]).sign();
        assert_eq!(verdict(&text, &ignoring), unsigned, "{preset:?}");
        assert_eq!(verdict(&text, &of(good()).key(&OTHER).sign()), "E-SIGNER-UNTRUSTED", "{preset:?}");
    }
}

#[test]
fn strict_wants_every_key_and_the_others_one() {
    let keys = [KEY.public_key().clone(), OTHER.public_key().clone()];
    for preset in Preset::ALL {
        let sealed = of(ModelDir::new().file("config.json", "{}")).sign();
        let alone = if preset == Preset::Strict { "E-TOO-FEW-SIGNERS" } else { "strict" };
        assert_eq!(verdict(&preset.text(&keys), &sealed), alone, "{preset:?}");
        let other = of(ModelDir::new().file("config.json", "{}")).key(&OTHER).sign();
        lay(&sealed, "1", other.bundle());
        assert_eq!(verdict(&preset.text(&keys), &sealed), "strict", "{preset:?}");
    }
}

/// Without keys nobody is trusted, and a policy that trusts nobody does not load.
#[test]
fn nobody_is_no_preset() {
    for preset in Preset::ALL {
        let error = lacre_verify::Policy::parse(&preset.text(&[]), "p.toml".as_ref()).unwrap_err();
        assert!(error.to_string().contains("nobody is trusted"), "{error}");
    }
}
