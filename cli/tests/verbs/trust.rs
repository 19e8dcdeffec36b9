//! `--trust FILE`: keys with their terms.

use crate::bench::Bench;

fn bench(file: &str) -> Bench {
    let bench = Bench::with_signed_model();
    bench.write("trust.toml", file.as_bytes());
    bench
}

const VERIFY: &str = "verify MODEL --trust trust.toml";

fn key(terms: &str) -> String {
    format!("version = 1\n[[key]]\npublic-key = \"k.pub\"\n{terms}\n")
}

#[test]
fn a_key_counts_on_its_terms() {
    bench(&key("")).good(VERIFY);
    bench(&key("valid-from = 2020-01-01T00:00:00Z")).good(VERIFY);
    for (terms, code) in [
        ("valid-from = 2999-01-01T00:00:00Z", "E-KEY-EXPIRED"),
        ("valid-until = 2020-01-01T00:00:00Z", "E-KEY-EXPIRED"),
        ("status = \"retired\"", "E-KEY-RETIRED"),
        ("status = \"revoked\"", "E-KEY-REVOKED"),
    ] {
        bench(&key(terms)).bad(VERIFY, code, 6);
    }
}

#[test]
fn the_command_line_adds_keys_and_demands_more_never_less() {
    let other = bench("version = 1\nsigners = 2\n[[key]]\npublic-key = \"other.pub\"\n");
    other.good("key new other --no-passphrase");
    other.bad(VERIFY, "E-SIGNER-UNTRUSTED", 5);
    other.bad(&format!("{VERIFY} --key k.pub --signers 1"), "E-TOO-FEW-SIGNERS", 5);
    other.good("sign MODEL --key other.key --name org/mini-lm --version 1.0.0 --append");
    other.good(&format!("{VERIFY} --key k.pub"));
    let revoked = bench(&key("status = \"revoked\""));
    revoked.bad(&format!("{VERIFY} --key k.pub"), "E-USAGE", 2);
}

#[test]
fn a_file_that_is_not_understood_trusts_nobody() {
    bench(&key("statuss = \"revoked\"")).bad(VERIFY, "E-TRUST-FILE", 13);
    bench("version = 1\n").bad(VERIFY, "E-USAGE", 2);
    Bench::with_signed_model().bad(VERIFY, "E-NOT-FOUND", 10);
    Bench::with_signed_model().bad("verify MODEL", "E-USAGE", 2);
}
