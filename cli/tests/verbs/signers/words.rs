//! Words that name no signer.

use super::refuses;
use crate::bench::Bench;

#[test]
fn a_pin_on_the_command_line_is_refused_before_anything_else() {
    let bench = Bench::with_model_and_key();
    for uri in ["pkcs11:token=t?module-path=/no.so&pin-value=97531", "pkcs11:pin-value=97531"] {
        let said = refuses(&bench, uri, "E-USAGE", 2);
        assert!(said.contains("pin-value") && said.contains("pin-source"), "{said}");
        assert!(!said.contains("97531"), "{said}");
    }
}

#[test]
fn uris_that_make_no_sense_are_wrong_usage() {
    let bench = Bench::with_model_and_key();
    for word in [
        "pkcs11:",
        "pkcs11:token=t",
        "pkcs11:colour=red?module-path=/m.so",
        "exec:",
        "exec:a%2",
        "ssh-agent:?x=1",
    ] {
        refuses(&bench, word, "E-USAGE", 2);
    }
}

#[test]
fn services_without_a_signer_are_named() {
    let bench = Bench::with_model_and_key();
    let said = refuses(&bench, "gcpkms://projects/p/key", "E-UNSUPPORTED", 13);
    assert!(said.contains("gcpkms") && said.contains("exec:PROGRAM"), "{said}");
}

#[test]
fn a_file_with_the_name_of_a_scheme_is_reached_by_its_path() {
    let bench = Bench::with_model_and_key();
    bench.write("exec:k.key", &bench.read("k.key"));
    bench.good("sign MODEL --name m --key ./exec:k.key");
    bench.good("verify MODEL --key k.pub");
}
