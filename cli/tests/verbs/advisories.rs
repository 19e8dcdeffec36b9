//! Known failures of other tools, each by its name: the same attack on the program. docs/ADVISORIES.md lists all.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::bench::Bench;

const TRUSTING: &str = "version = 1\n[[key]]\npublic-key = \"stranger.pub\"\n";

/// What lies in the folder where the program is started, or in the model, decides nothing.
#[test]
fn pysec_2023_63_nothing_is_configured_by_the_current_folder() {
    let bench = Bench::with_signed_model();
    bench.key("stranger");
    for name in [
        "lacre.toml",
        ".lacre.toml",
        ".lacre/config.toml",
        ".lacrerc",
        "trust.toml",
        ".config/lacre/trust.toml",
        "policy.toml",
        "MODEL/lacre.toml",
        "MODEL.signatures/trust.toml",
    ] {
        bench.write(name, TRUSTING.as_bytes());
    }
    bench.write(".env", b"LACRE_TRUST=trust.toml\nLACRE_KEY=stranger.pub\n");
    // The planted file of the model is content that was not signed; the others are not looked at.
    bench.bad("verify MODEL --key k.pub", "E-FILE-EXTRA", 1);
    fs::remove_file(bench.path("MODEL/lacre.toml")).unwrap();
    bench.good("verify MODEL --key k.pub");
    bench.bad("verify MODEL --key stranger.pub", "E-SIGNER-UNTRUSTED", 5);
    bench.bad("verify MODEL", "E-USAGE", 2);
}

/// A cache that cannot be read or written costs time, and decides nothing.
#[test]
fn cve_2024_51491_a_cache_that_fails_hinders_nobody() {
    let bench = Bench::with_signed_model();
    let lines = ["verify MODEL --key k.pub", "push MODEL oci:store:v1", "pull oci:store:v1 OUT --key k.pub"];
    let all = |bench: &Bench| {
        for line in lines {
            bench.good(line);
        }
        fs::remove_dir_all(bench.path("OUT")).unwrap();
        bench.good("sign MODEL --key k.key --name org/mini-lm --version 1.0.0 --force");
    };
    let lacre = bench.cache().join("lacre");
    drop(fs::remove_dir_all(&lacre));
    fs::write(&lacre, "a file in the way").unwrap();
    all(&bench);
    fs::remove_file(&lacre).unwrap();
    std::os::unix::fs::symlink("/nonexistent/cache", &lacre).unwrap();
    all(&bench);
    fs::remove_file(&lacre).unwrap();
    // Root writes here all the same, and then it is one more good run.
    fs::set_permissions(bench.cache(), fs::Permissions::from_mode(0o500)).unwrap();
    all(&bench);
    fs::set_permissions(bench.cache(), fs::Permissions::from_mode(0o700)).unwrap();
}

/// Whatever is in a bundle, the exit is not that of success.
#[test]
fn cve_2026_44310_no_malformed_bundle_exits_with_success() {
    let bench = Bench::with_signed_model();
    let good = bench.read("MODEL/model.sig");
    bench.good("verify MODEL --key k.pub");
    for length in (0..good.len()).step_by(97) {
        bench.write("MODEL/model.sig", &good[..length]);
        let said = bench.run("verify MODEL --key k.pub");
        assert!(matches!(said.exit, Some(3 | 4 | 13)), "{length}: {said:?}");
        assert!(said.stderr.starts_with("error[E-"), "{length}: {said:?}");
    }
}
